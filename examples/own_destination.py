"""A custom destination: the shop's own HTTPS endpoint, with signed requests.

    npx aws-cdk@2.1148.1 deploy --app "python3 examples/own_destination.py"

``docs/own-destination.md`` explains each part. On this machine, with a stand-in for the endpoint:

    make run APP=examples/own_destination.py STAND_IN=examples.webhook.stand_in:WebhookServer
"""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_gtm_connector import Destination, DestinationModule, GtmConnector

RUNTIME = Path(__file__).parent / "webhook" / "runtime"


class WebhookDestination(Destination):
    """The shop's webhook.

    Args:
        url: URL of the webhook.
        secret: Secret whose plain text is the key for the signatures.
    """

    def __init__(self, url: str, secret: secretsmanager.ISecret) -> None:
        super().__init__()
        self._url = url
        self._secret = secret

    @property
    def module(self) -> DestinationModule:
        """The code that delivers the events."""
        return DestinationModule(name="shop_webhook", directory=RUNTIME)

    def bind(self, function: lambda_.Function) -> None:
        """Pass the webhook's URL to the function, and let it read the key."""
        function.add_environment("WEBHOOK_URL", self._url)
        function.add_environment("WEBHOOK_SECRET_ARN", self._secret.secret_arn)
        self._secret.grant_read(function)


app = cdk.App()
stack = cdk.Stack(app, "Shop")
secret = secretsmanager.Secret(
    stack,
    "WebhookKey",
    generate_secret_string=secretsmanager.SecretStringGenerator(
        exclude_punctuation=True, password_length=64
    ),
)
connector = GtmConnector(
    stack,
    "Gtm",
    destination=WebhookDestination("https://hooks.shop.example/events", secret),
)
for name, value in {
    "EndpointUrl": connector.endpoint_url,
    "QueueName": connector.queue.queue_name,
    "DeadLetterQueueName": connector.dead_letter_queue.queue_name,
    "InvalidMessageQueueName": connector.invalid_message_queue.queue_name,
    "FunctionName": connector.function.function_name,
    "WebhookSecretArn": secret.secret_arn,
}.items():
    cdk.CfnOutput(stack, name, value=value)
app.synth()
