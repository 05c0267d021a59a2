"""A thousand resources: grants and topics, none of which is alike."""

import pulumi
import pulumi_gcp as gcp

PROJECT = "example-thousand"
cloud = gcp.Provider("cloud", project=PROJECT, region="europe-west1")
options = pulumi.ResourceOptions(provider=cloud)
topics = [gcp.pubsub.Topic(f"topic-{i:03}", name=f"topic-{i:03}", project=PROJECT, opts=options) for i in range(499)]
for i, topic in enumerate(topics):
    gcp.pubsub.TopicIAMMember(
        f"publisher-{i:03}",
        topic=topic.name,
        project=PROJECT,
        role="roles/pubsub.publisher",
        member=f"group:team-{i % 25}@example.com",
        opts=options,
    )
