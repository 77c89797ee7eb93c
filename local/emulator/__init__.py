"""MiniStack with API Gateway's template engine. The pipeline runs it: ``python -m local.emulator``.

Queues, functions, event sources, APIs and CloudFormation are MiniStack's own. MiniStack handles
some requests differently from AWS, so :mod:`local.emulator.patches` replaces some of its private
functions. Each patch states AWS's behavior, and when the patch can go. The patches fit one release
of MiniStack, so the emulator refuses to start with any other.

Known remaining differences from AWS:

- Header names arrive in lower case, as they do on API Gateway over HTTP/2.
- Malformed percent-escapes (``%zz``) and escapes that are not UTF-8 are not refused.
- Response parameters of an integration can only be literals; those of a gateway response can name
  what the request holds.
- An empty body stays empty for templates. It is unknown whether API Gateway shows them ``{}``, and
  whether it validates an empty body as ``{}``.
- A media type's parameters are ignored: ``text/plain;charset=UTF-8`` is ``text/plain``. API
  Gateway's documentation does not say this. It is an assumption.
- If a JSON body repeats a name, the last value counts.
- MiniStack decides the message of a 400 about a body, and the order of API Gateway's checks:
  authorization, throttling, parameters, body, media type.
- A ``REQUEST`` authorizer works as on AWS: one call for each token and time to live, then 401 for a
  missing identity source or a raised ``Unauthorized``, 403 for no ``Allow``, 500 for other
  failures. It gets the first value of a repeated parameter, but the last on AWS. The function here
  reads all values. An authorizer without caching is called even if the proof is missing.
- A Cognito authorizer verifies signature, times and issuer of an ID or access token against the
  emulator's own pools. Without the package ``cryptography``, MiniStack refuses every token.
- IAM authorization takes any request that has an ``Authorization`` header. It checks neither
  signature nor policies. The access key alone identifies the caller. A key that the emulator has
  not issued identifies nobody.
- Web ACLs filter nothing. A custom domain name has no DNS and no certificate: the API answers under
  its path. ``disable_execute_api_endpoint`` has no effect.
- A generated secret holds punctuation even if the template excludes it, and a template's reference
  to a secret is its name instead of its ARN. Neither matters to this project.
- SNS delivers at once, exactly once and in order, and never fails while the queue exists. Its
  encryption and its topic policy have no effect.
- Kinesis, Firehose and EventBridge enforce few of their limits and none of their quotas.
  :mod:`local.stand_in.stream` adds these. EventBridge takes events for a bus that does not exist.
- A function runs on this machine's Python and boto3, whatever runtime the template names.
- IAM, TLS-only policies, encryption, access logs, X-Ray and metrics have no effect. The run's
  secret permits everything.

Strangers reach only the deployed APIs, under ``/_aws/execute-api/`` and a loopback host. Every
other request needs a signature with the run's own secret (:mod:`local.guard`). This process and the
functions have it as ``AWS_SECRET_ACCESS_KEY``. Even requests that AWS leaves open need it, such as
signing in to a Cognito user pool. MiniStack alone has no authentication, and allows every origin.

The process writes a line of JSON to the file descriptor ``LOCAL_EMULATOR_REPORT_FD`` for each
request that an API answered. The line holds the beginning of the posted body and the event's ID,
and masks signed tokens. The first line names the resource types that are placeholders only. The
process ends when its standard input does, so it never outlives the process that started it.
"""

from __future__ import annotations

from typing import Final

REPORT_FD: Final = "LOCAL_EMULATOR_REPORT_FD"
"""Environment variable: the file descriptor for reports."""

RESOURCE_TYPES: Final = "LOCAL_EMULATOR_RESOURCE_TYPES"
"""Environment variable: JSON list of the resource types that are going to be deployed."""

RUN_DIRECTORY: Final = "LOCAL_EMULATOR_RUN_DIRECTORY"
"""Environment variable: directory to remove if the parent dies without doing so."""
