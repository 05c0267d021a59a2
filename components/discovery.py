"""A standing scan that looks for personal data where none is expected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

DLP = "dlp.googleapis.com"
INFO_TYPES = (
    "CREDIT_CARD_NUMBER",
    "DATE_OF_BIRTH",
    "EMAIL_ADDRESS",
    "GOVERNMENT_ID",
    "IBAN_CODE",
    "MEDICAL_DATA",
    "PASSPORT",
    "PERSON_NAME",
    "PHONE_NUMBER",
    "STREET_ADDRESS",
)
"""Detectors of Sensitive Data Protection (its "InfoType detector reference"), the kinds that name a person."""


@dataclass(frozen=True, kw_only=True)
class PersonalDataScanArgs:
    """The project whose stores are profiled."""

    project: Project
    region: str
    tables: bool = False
    """Whether the project has datasets."""
    info_types: tuple[str, ...] = INFO_TYPES

    def __post_init__(self) -> None:
        require(bool(self.info_types), "MIN-3", "at least one kind of personal data is looked for")


class PersonalDataScan(Component):
    """Profiles every bucket, database and table of the project, and again when their shape changes."""

    token = "hosting:data:PersonalDataScan"
    clauses: ClassVar[tuple[str, ...]] = ("MIN-3",)

    def __init__(self, name: str, args: PersonalDataScanArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        parent = f"projects/{project.project_id}/locations/{args.region}"
        options = self.child(provider=project.provider, depends_on=[project.api(DLP)])
        template = gcp.dataloss.PreventionInspectTemplate(
            name,
            parent=parent,
            template_id=name,
            display_name="Personal data",
            description="MIN-3",
            inspect_config=gcp.dataloss.PreventionInspectTemplateInspectConfigArgs(
                info_types=[
                    gcp.dataloss.PreventionInspectTemplateInspectConfigInfoTypeArgs(name=kind)
                    for kind in args.info_types
                ],
                min_likelihood="POSSIBLE",
                include_quote=False,
            ),
            opts=options,
        )
        gcp.dataloss.PreventionDiscoveryConfig(
            name,
            parent=parent,
            location=args.region,
            display_name="Personal data in every store",
            status="RUNNING",
            inspect_templates=[template.name],
            targets=[
                gcp.dataloss.PreventionDiscoveryConfigTargetArgs(
                    cloud_sql_target=gcp.dataloss.PreventionDiscoveryConfigTargetCloudSqlTargetArgs(
                        filter=gcp.dataloss.PreventionDiscoveryConfigTargetCloudSqlTargetFilterArgs(
                            others=gcp.dataloss.PreventionDiscoveryConfigTargetCloudSqlTargetFilterOthersArgs()  # type: ignore[no-untyped-call]
                        )
                    )
                ),
                gcp.dataloss.PreventionDiscoveryConfigTargetArgs(
                    cloud_storage_target=gcp.dataloss.PreventionDiscoveryConfigTargetCloudStorageTargetArgs(
                        filter=gcp.dataloss.PreventionDiscoveryConfigTargetCloudStorageTargetFilterArgs(
                            others=gcp.dataloss.PreventionDiscoveryConfigTargetCloudStorageTargetFilterOthersArgs()  # type: ignore[no-untyped-call]
                        )
                    )
                ),
                *([_tables()] if args.tables else []),
            ],
            opts=options,
        )
        self.register_outputs({})


def _tables() -> gcp.dataloss.PreventionDiscoveryConfigTargetArgs:
    return gcp.dataloss.PreventionDiscoveryConfigTargetArgs(
        big_query_target=gcp.dataloss.PreventionDiscoveryConfigTargetBigQueryTargetArgs(
            filter=gcp.dataloss.PreventionDiscoveryConfigTargetBigQueryTargetFilterArgs(
                other_tables=gcp.dataloss.PreventionDiscoveryConfigTargetBigQueryTargetFilterOtherTablesArgs()  # type: ignore[no-untyped-call]
            )
        )
    )
