"""The program: what the company decided becomes components, and what others need to know is exported."""

from __future__ import annotations

import pulumi

from components.domain_names import DomainNames
from components.foundation import Foundation
from components.governance import Governance
from components.hosting import Hosting
from components.jobs import Jobs
from components.people import People
from components.render_alone import RenderAlone
from components.render_side import RenderSide
from components.shared_stores import SharedStores
from components.stores import Stores
from components.tasks import Tasks
from components.verification import Verification
from components.watch import Watch
from config import RenderStack, StackConfig, load, require_policy_pack


def everything(config: StackConfig) -> None:
    """Google Cloud, and Render where the stack file has it."""
    foundation = Foundation("foundation", config)
    stores = Stores("stores", config, foundation)
    governance = Governance("governance", config, foundation)
    shared = SharedStores("shared", config, foundation, stores, governance)
    Verification("verification", config, foundation, governance)
    render = RenderSide("render", config, config.projects.workload, foundation.random)
    hosting = Hosting("hosting", config, foundation, stores, governance)
    Jobs("jobs", config, foundation, stores, governance, hosting, render, shared)
    Tasks("tasks", config, foundation, stores, governance, hosting)
    names = DomainNames("names", config, foundation, hosting, render)
    Watch("watch", config, foundation, stores, governance)
    People("people", config, foundation, stores, shared, governance, hosting)

    pulumi.export("network", foundation.network.network_id)
    pulumi.export("copies", stores.copies.bucket_name)
    pulumi.export("databases", {name: database.connection_name for name, database in stores.databases.items()})
    pulumi.export("identities", {name: identity.member for name, identity in stores.identities.items()})
    pulumi.export("log_bucket", governance.archive.log_bucket)
    pulumi.export("name_servers", {name: zone.name_servers for name, zone in names.zones.items()})
    pulumi.export("services", {name: service.service_name for name, service in hosting.services.items()})
    pulumi.export("secrets", {name: secret.secret_id for name, secret in stores.secrets.items()})


require_policy_pack()
config = load()
if isinstance(config, RenderStack):
    alone = RenderAlone("alone", config)
    pulumi.export("services", {name: service.service_id for name, service in alone.side.services.items()})
else:
    everything(config)
