"""The AWS emulator: MiniStack with patches and API Gateway's template engine.

The pipeline runs it with ``python -m local.emulator``. MiniStack provides queues, functions, event
sources, APIs and CloudFormation. Where it differs from AWS, :mod:`local.emulator.patches` replaces
its private functions. Each patch states AWS's behavior, and when the patch can be removed. The
patches are for one release of MiniStack, so the emulator refuses to start with any other.

Known remaining differences from AWS:

- Header names arrive in lower case, as they do on API Gateway over HTTP/2.
- Malformed percent-escapes (``%zz``) and escapes that are not UTF-8 are not refused.
- Response parameters of an integration must be literals; those of a gateway response can refer to
  the request.
- Templates see an empty body as empty. It is unknown whether API Gateway shows them ``{}``, and
  whether it validates an empty body as ``{}``.
- A media type's parameters are ignored: ``text/plain;charset=UTF-8`` is ``text/plain``. API
  Gateway's documentation does not say this. It is an assumption.
- If a JSON body repeats a name, the last value counts.
- MiniStack decides the message of a 400 about a body, and the order of API Gateway's checks:
  authorization, throttling, parameters, body, media type.
- A ``REQUEST`` authorizer works as on AWS: one call per token and time to live, 401 for a missing
  identity source or a raised ``Unauthorized``, 403 for no ``Allow``, and 500 for other failures. It
  gets the first value of a repeated parameter; on AWS it gets the last. This project's authorizer
  reads all values. An authorizer without caching is called even if its identity source is missing.
- A Cognito authorizer verifies signature, times and issuer of an ID or access token against the
  emulator's own pools. Without the package ``cryptography``, MiniStack refuses every token.
- IAM authorization accepts any request with an ``Authorization`` header, and checks neither
  signature nor policies. The access key identifies the caller. A key that the emulator has not
  issued identifies nobody.
- Web ACLs filter nothing. A custom domain name has no DNS and no certificate, so its API answers
  under the API's own path. ``disable_execute_api_endpoint`` has no effect.
- A generated secret has punctuation even if the template excludes it. A template's reference to a
  secret is its name instead of its ARN. Neither matters to this project.
- SNS delivers at once, exactly once and in order, and never fails while the queue exists. Its
  encryption and its topic policy have no effect.
- Kinesis, Firehose and EventBridge enforce few of their limits and none of their quotas.
  :mod:`local.stand_in.stream` adds these. EventBridge takes events for a bus that does not exist.
- A function runs on this machine's Python and boto3, whatever runtime the template names.
- IAM, TLS-only policies, encryption, access logs, X-Ray and metrics have no effect. The run's
  secret permits every operation.

Requests to the deployed APIs, under ``/_aws/execute-api/`` and a loopback host, need no
authentication. Every other request must be signed with the run's own secret (:mod:`local.guard`),
even one that AWS accepts unsigned, such as signing in to a Cognito user pool. This process and the
functions have the secret in ``AWS_SECRET_ACCESS_KEY``. MiniStack alone has no authentication,
and allows every origin.

For each request that an API answered, the process writes a line of JSON to the file descriptor
``LOCAL_EMULATOR_REPORT_FD``, with the beginning of the posted body, the event's ID and signed
tokens masked. The first line lists the resource types that are only placeholders. The process ends
when its standard input is closed, so it never outlives the process that started it.
"""

from __future__ import annotations

from typing import Final

REPORT_FD: Final = "LOCAL_EMULATOR_REPORT_FD"
"""Environment variable: the file descriptor for reports."""

RESOURCE_TYPES: Final = "LOCAL_EMULATOR_RESOURCE_TYPES"
"""Environment variable: JSON list of the resource types that will be deployed."""

RUN_DIRECTORY: Final = "LOCAL_EMULATOR_RUN_DIRECTORY"
"""Environment variable: directory to remove if the parent ends without removing it."""
