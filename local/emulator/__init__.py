"""MiniStack with API Gateway's template engine: ``python -m local.emulator``, the pipeline's child.

Queues, functions, event sources, APIs and CloudFormation are MiniStack's own. Where MiniStack
differs from AWS on the way of a request, :mod:`local.emulator.patches` replaces some of its private
functions. Each patch says what AWS does instead, and how to tell that it is no longer needed. The
patches work on one release of MiniStack only, so any other is refused at start.

Known differences that are left:

- Header names arrive in lower case, as they do on API Gateway over HTTP/2.
- Malformed percent-escapes (``%zz``) and escapes that are not UTF-8 are not refused.
- Response parameters of an integration can only be literals; those of a gateway response can name
  what the request holds.
- An empty body stays empty for templates; whether API Gateway shows them ``{}`` is not known here.
  Nor is whether it validates an empty body as ``{}``.
- A media type's parameters are no part of it: ``text/plain;charset=UTF-8`` is ``text/plain``. It is
  held to be so on API Gateway, whose documentation does not say.
- Of a name that a JSON body repeats, the last counts.
- The message of a 400 about a body, and the order of API Gateway's checks, are MiniStack's word:
  authorization, throttling, parameters, body, media type.
- A ``REQUEST`` authorizer is called, asked once a token and time to live, and believed as on AWS
  (401 for a missing identity source or a raised ``Unauthorized``, 403 for no ``Allow``, 500 for
  other failures). Of a repeated parameter it is told the first value, where AWS tells the last; the
  function here reads all. An authorizer without caching is called although the proof is missing.
- A Cognito authorizer verifies signature, times and issuer of an ID or access token against the
  emulator's own pools. Without the package ``cryptography`` MiniStack can do neither, and refuses
  every token.
- IAM authorization takes any request that has an ``Authorization`` header: neither signature nor
  policies are checked. Who it is goes by the access key alone, and is nobody for a key that the
  emulator has not issued.
- Web ACLs filter nothing, and a custom domain name is there without DNS or a certificate: the API
  answers under its path. ``disable_execute_api_endpoint`` has no effect.
- A generated secret holds punctuation even where the template excludes it, and a template's
  reference to a secret is its name instead of its ARN. Both serve as well.
- SNS delivers at once, once and in order, and never fails to while the queue exists. Its encryption
  and its topic policy have no effect.
- Kinesis, Firehose and EventBridge keep to few of their limits and to none of their quotas:
  :mod:`local.stand_in.stream` stands before them. EventBridge takes events for a bus that does
  not exist.
- A function runs on this machine's Python and boto3, whatever runtime the template names.
- IAM, TLS-only policies, encryption, access logs, X-Ray and metrics have no effect: whoever has the
  run's secret may do everything.

Strangers get nothing but the deployed APIs, under ``/_aws/execute-api/`` and a loopback host: what
else there is needs a signature of the run's own secret (:mod:`local.guard`), which is this
process's ``AWS_SECRET_ACCESS_KEY`` and that of the functions. That goes for what AWS leaves open as
well, such as signing in to a Cognito user pool. MiniStack alone has no authentication, and allows
every origin.

The process reports each request that an API answered, a signed token masked, with the beginning of
what was posted and its event's ID, as a line of JSON to the file descriptor
``LOCAL_EMULATOR_REPORT_FD``; the first line names the resource types that are placeholders only. It
ends when its standard input does, so that it never outlives the process that started it.
"""

from __future__ import annotations

from typing import Final

REPORT_FD: Final = "LOCAL_EMULATOR_REPORT_FD"
"""Environment variable: the file descriptor for reports."""

RESOURCE_TYPES: Final = "LOCAL_EMULATOR_RESOURCE_TYPES"
"""Environment variable: JSON list of the resource types that are going to be deployed."""

RUN_DIRECTORY: Final = "LOCAL_EMULATOR_RUN_DIRECTORY"
"""Environment variable: directory to remove if the parent dies without doing so."""
