"""Pub/Sub: topics, subscriptions and schemas closed to the world, messages under a key of our own, pushed over TLS."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, gcp
from policies.rule import Finding, fail, rule, skip
from policies.rules._facts import boolean
from policies.rules._keys import cmek
from policies.rules._public import not_public

SUBSCRIPTION = gcp("pubsub/subscription")

not_public(
    ("pubsub/topicIAM",),
    role="roles/pubsub.publisher",
    id="pubsub-topic-not-public",
    title="Topics are open to nobody outside",
    references=("checkov:CKV_GCP_99", "datadog:pubsub_topic_is_public"),
    why="Whoever may publish feeds your programs; whoever may attach a subscription reads every message.",
)

not_public(
    ("pubsub/subscriptionIAM", "pubsub/schemaIam"),
    role="roles/pubsub.subscriber",
    id="pubsub-subscription-not-public",
    title="Subscriptions and schemas are open to nobody outside",
    why="Whoever may pull reads the messages and takes them away from the program they were meant for.",
)

cmek(
    {gcp("pubsub/topic"): "kmsKeyName"},
    id="pubsub-own-key",
    title="Topics are encrypted with a key of our own",
    fix="kms_key_name=key.id",
    references=("checkov:CKV_GCP_83",),
    sources=("https://cloud.google.com/pubsub/docs/encryption",),
    why="Messages wait in Pub/Sub for up to a month. A key of our own can be rotated, watched and taken away.",
)


boolean(
    {gcp("pubsub/topic"): "messageStoragePolicy.enforceInTransit"},
    base={"messageStoragePolicy": {"allowedPersistenceRegions": ["europe-west1"]}},
    missing="is not set: messages may pass through other regions before they are stored",
    guard=lambda topic: None if topic.has("messageStoragePolicy") else "the topic promises no regions",
    id="pubsub-regions-in-transit",
    clause="PRI-1",
    title="A topic that promises regions keeps messages in them on their way too",
    severity="low",
    fix='message_storage_policy={"enforce_in_transit": True, …}',
    sources=("https://cloud.google.com/pubsub/docs/resource-location-restriction",),
    not_applicable=({"name": "t"},),
    why="Without it the policy holds for stored messages only; a publisher elsewhere has its messages handled there.",
)


def _push(endpoint: str, **more: object) -> dict[str, object]:
    return {"topic": "t", "pushConfig": {"pushEndpoint": endpoint, **more}}


@rule(
    id="pubsub-push-tls",
    clause="ENC-4",
    title="Messages are pushed over HTTPS",
    severity="high",
    types=(SUBSCRIPTION,),
    decides=("pushConfig.pushEndpoint",),
    absent="not_applicable",
    fix='push_config={"push_endpoint": "https://…"}',
    sources=("https://cloud.google.com/pubsub/docs/push",),
    good=(_push("https://app.example.com/push"),),
    bad=(_push("http://app.example.com/push"),),
    not_applicable=({"topic": "t"},),
)
def push_tls(subscription: Resource) -> Iterator[Finding]:
    """A message pushed over plain HTTP is read and changed on its way."""
    endpoint = subscription.text("pushConfig.pushEndpoint")
    if endpoint is None:
        yield skip("the subscription is pulled")
    elif not endpoint.lower().startswith("https://"):
        yield fail(subscription, "pushConfig.pushEndpoint", "does not begin with https://")


@rule(
    id="pubsub-push-signed",
    clause="AUT-4",
    title="Pushed messages carry the sender's identity",
    severity="medium",
    types=(SUBSCRIPTION,),
    decides=("pushConfig.oidcToken.serviceAccountEmail",),
    fix='push_config={"oidc_token": {"service_account_email": account.email}, …}',
    sources=("https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions",),
    graph=True,
    good=(_push("https://a.example.com", oidcToken={"serviceAccountEmail": "push@p.iam.gserviceaccount.com"}),),
    bad=(_push("https://a.example.com"),),
    not_applicable=({"topic": "t"},),
)
def push_signed(subscription: Resource) -> Iterator[Finding]:
    """Without a token the receiver cannot tell Pub/Sub from anybody else who knows the address."""
    path = "pushConfig.oidcToken.serviceAccountEmail"
    if not subscription.has("pushConfig"):
        yield skip("the subscription is pulled")
    elif not subscription.has(path):
        yield fail(subscription, path, "is not set: anyone can post to the endpoint")
    elif not subscription.known(path) and not (
        subscription.graph and subscription.graph.sources(subscription, path, gcp("serviceaccount/account"))
    ):
        subscription.text(path)
