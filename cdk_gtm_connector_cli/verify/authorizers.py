"""Questions about authorizers, tokens and user pools."""

from __future__ import annotations

import json
from typing import Final

from cdk_gtm_connector_cli.verify.deployment import STAGE, Deployment
from cdk_gtm_connector_cli.verify.endpoint import OURS
from cdk_gtm_connector_cli.verify.probe import Probe
from cdk_gtm_connector_cli.verify.question import (
    CannotAskError,
    Conclusion,
    Evidence,
    Question,
    Source,
    all_hold,
)


def _judge_snapshot(evidence: Evidence) -> Conclusion:
    gateway, api = evidence.deployment.client("apigateway"), evidence.deployment.api_id
    authorizers = gateway.get_authorizers(restApiId=api)["items"]
    if not authorizers:
        raise CannotAskError("the API has no authorizer")
    answer = gateway.get_export(
        restApiId=api,
        stageName=STAGE,
        exportType="swagger",
        parameters={"extensions": "authorizers"},
        accepts="application/json",
    )
    served = json.loads(answer["body"].read()).get("securityDefinitions", {})
    wrong = []
    for each in authorizers:
        deployed = served.get(each["name"], {}).get("x-amazon-apigateway-authorizer")
        if deployed is None:
            wrong.append(f"the stage does not know the authorizer {each['name']}")
            continue
        wrong += [
            f"{each['name']}: {name} is {each[name]}, but {deployed[name]} in the stage"
            for name in ("identitySource", "authorizerResultTtlInSeconds", "authorizerUri")
            if name in each and name in deployed and each[name] != deployed[name]
        ]
    return all_hold(wrong, f"{len(authorizers)} authorizers are the same in the stage")


def _judge_claims(evidence: Evidence) -> Conclusion:
    if not evidence.deployment.authenticated_url or not evidence.deployment.token:
        raise CannotAskError("needs --token, a visitor's token for /events/authenticated")
    (each,) = evidence.observed
    if each.message is None:
        raise CannotAskError(f"answered {each.answer.status}, and no message came: try a new token")
    envelope = each.message.envelope
    wrong = [
        f"the field {name} is empty" for name in ("subject", "endpoint") if not envelope.get(name)
    ]
    if "token" in dict(each.message.parameters):
        wrong.append("the token is in the queue")
    return all_hold(wrong, "subject and endpoint are in the envelope")


def _with_token(deployment: Deployment) -> list[Probe]:
    if not deployment.authenticated_url or not deployment.token:
        return []
    token = deployment.token
    return [
        Probe(
            about="with a token",
            path="/authenticated",
            query=f"{OURS}&token={token}",
            headers={"Authorization": f"Bearer {token}"},
        )
    ]


def _judge_clients(evidence: Evidence) -> Conclusion:
    gateway, api = evidence.deployment.client("apigateway"), evidence.deployment.api_id
    pools = {
        arn.rpartition("/")[2]
        for each in gateway.get_authorizers(restApiId=api)["items"]
        for arn in each.get("providerARNs", [])
    }
    if not pools:
        raise CannotAskError("the connector's authorizer uses no Cognito user pool")
    cognito = evidence.deployment.client("cognito-idp")
    wrong, seen = [], 0
    for pool in sorted(pools):
        listed = cognito.list_user_pool_clients(UserPoolId=pool, MaxResults=60)["UserPoolClients"]
        for each in listed:
            client = cognito.describe_user_pool_client(UserPoolId=pool, ClientId=each["ClientId"])
            writable = client["UserPoolClient"].get("WriteAttributes")
            seen += 1
            custom = [it for it in writable or () if it.startswith("custom:")]
            if custom:
                wrong.append(f"{each['ClientName']} may write {', '.join(custom)}")
    return all_hold(wrong, f"{seen} clients list no custom attribute as writable")


QUESTIONS: Final = (
    Question(
        id="authorizer-snapshot",
        assumed="The stage uses the authorizers as the API has them.",
        how="A comparison of the API's authorizers with an export of the stage.",
        breaks="A change to an authorizer has no effect, or takes effect too early.",
        remedy="Run aws apigateway create-deployment; open an issue about redeployment.py.",
        sources=(
            Source("cdk_gtm_connector/redeployment.py", "API Gateway's stage serves a snapshot"),
            Source("issue 13", "authorizer changes"),
        ),
        judge=_judge_snapshot,
    ),
    Question(
        id="claims",
        assumed="$context.authorizer holds a verified visitor's claims, custom claims included.",
        how="A request with the token from --token.",
        breaks="Every authenticated event is rejected.",
        remedy="Set another endpoint_claim, or use a Lambda authorizer.",
        sources=(Source("issue 3", "`$context.authorizer.claims.get('custom:…')`"),),
        probes=_with_token,
        judge=_judge_claims,
    ),
    Question(
        id="cognito-clients",
        assumed="No client of the user pool lets visitors write a custom attribute.",
        how="WriteAttributes of each of the pool's clients. Cognito returns none for a client "
        "without write_attributes.",
        breaks="A visitor can claim another visitor's endpoint.",
        remedy="Set the client's write_attributes, without the endpoint claim.",
        sources=(
            Source(
                "docs/decisions/0022-what-a-stranger-can-do.md",
                "Which attributes a client without `write_attributes` may write",
            ),
        ),
        judge=_judge_clients,
    ),
)
