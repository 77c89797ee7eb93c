"""The delivering function in a VPC without internet access.

    npx aws-cdk@2.1148.1 deploy --app "python3 examples/function_in_a_vpc.py"

The function calls two services: the destination, and SQS, to put rejected messages into the
dead-letter queue. Each service has an interface endpoint in the VPC. With private DNS, the function
finds the endpoint under the service's usual host name. Lambda itself reads the queue, writes the
log and starts the function, which needs no route out of the VPC. For another destination, replace
Kinesis's endpoint: ``KINESIS_FIREHOSE``, ``EVENTBRIDGE``, or ``CONNECT_PROFILE`` for Customer
Profiles.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kinesis as kinesis

from cdk_gtm_connector import GtmConnector, KinesisDestination

app = cdk.App()
stack = cdk.Stack(app, "Shop")

vpc = ec2.Vpc(
    stack,
    "Vpc",
    max_azs=2,
    nat_gateways=0,
    subnet_configuration=[
        ec2.SubnetConfiguration(name="Isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    ],
    flow_logs={"All": ec2.FlowLogOptions()},
)
function_group = ec2.SecurityGroup(
    stack,
    "FunctionGroup",
    vpc=vpc,
    description="Calls the endpoints and nothing else",
    allow_all_outbound=False,
)
endpoint_group = ec2.SecurityGroup(
    stack,
    "EndpointGroup",
    vpc=vpc,
    description="Is called by the function and by nothing else",
    allow_all_outbound=False,
)
endpoint_group.connections.allow_from(function_group, ec2.Port.tcp(443), "HTTPS")
for name, service in {
    "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
    "Kinesis": ec2.InterfaceVpcEndpointAwsService.KINESIS_STREAMS,
}.items():
    vpc.add_interface_endpoint(name, service=service, security_groups=[endpoint_group], open=False)

connector = GtmConnector(
    stack,
    "Gtm",
    destination=KinesisDestination(
        kinesis.Stream(stack, "Events", encryption=kinesis.StreamEncryption.MANAGED)
    ),
    vpc=vpc,
    vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
    security_groups=[function_group],
)
cdk.CfnOutput(stack, "GtmImageUrl", value=connector.gtm_image_url)
app.synth()
