"""The stack file of the bootstrap program: every mistake named with its place, before anything exists."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from ruamel.yaml import YAML

from config import BootstrapConfig, ConfigError, load_bootstrap
from settings.mistakes import example_of
from tests.recording import ROOT, record, record_bootstrap
from tests.test_config import fields

OWN, SHARED = "secure-hosting-bootstrap:", "secure-hosting:"
Change = Callable[[dict[str, Any]], object]


def own(stack: str = "prod-bootstrap") -> dict[str, Any]:
    return dict(YAML(typ="safe").load(ROOT / "bootstrap" / f"Pulumi.{stack}.yaml")["config"])


def put(path: str, value: Any) -> Change:
    """Sets a value, or takes it out where it is None."""

    def change(config: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        inner = config
        for step in steps:
            inner = inner[step]
        if value is None:
            inner.pop(last)
        else:
            inner[last] = value

    return change


def home(tmp_path: Path, change: Change | None = None, rows: Change | None = None) -> Path:
    """The stack's own file and the inventory, changed."""
    for name, one in (("Pulumi.prod.yaml", change), ("data.yaml", rows)):
        document = YAML().load(ROOT / name)
        if one is not None:
            one(document["config"] if name.startswith("Pulumi") else document["prod-bootstrap"])
        YAML().dump(document, tmp_path / name)
    return tmp_path


MISTAKES: dict[str, tuple[Change | None, Change | None, str, str]] = {
    "billing account malformed": (
        put(f"{OWN}billing.account", "my account"),
        None,
        "billing.account  (MON-4)",
        "01AB23",
    ),
    "billing account in small letters": (
        put(f"{OWN}billing.account", "01ab23-45cd67-89ef01"),
        None,
        "billing.account  (MON-4)",
        "01AB23-45CD67-89EF01",
    ),
    "no billing account": (put(f"{OWN}billing.account", None), None, "billing.account  (MON-4)", "is missing"),
    "nobody pays": (put(f"{OWN}billing", None), None, "billing  (MON-4)", "is missing"),
    "a currency in words": (put(f"{OWN}billing.currency", "Euro"), None, "billing.currency  (MON-4)", "currency: EUR"),
    "a budget as text": (put(f"{OWN}billing.monthly", "800"), None, "billing.monthly  (MON-4)", "monthly: 500"),
    "a budget of nothing": (put(f"{OWN}billing.monthly", 0), None, "billing.monthly  (MON-4)", "greater than"),
    "folder of an organization": (
        put(f"{OWN}folder.parent", "organizations/1234"),
        None,
        "folder.parent  (ACC-9)",
        "folders/345678901234",
    ),
    "folder with two letters": (put(f"{OWN}folder.name", "ab"), None, "folder.name  (ACC-9)", "name: hosting"),
    "no folder": (put(f"{OWN}folder", None), None, "folder  (ACC-9)", "organization 123456789012"),
    "folder without an organization": (
        None,
        put(f"{SHARED}organization", None),
        "folder  (ACC-9)",
        "has no section organization",
    ),
    "earlier states for a day": (
        put(f"{OWN}state.noncurrentDays", 1),
        None,
        "state.noncurrentDays  (CHG-1)",
        "noncurrentDays: 180",
    ),
    "unlocked access log in production": (put(f"{OWN}state.lock", False), None, "state.lock  (LOG-3)", "lock: true"),
    "a lock nobody acknowledged": (
        put(f"{OWN}state.acknowledgement", None),
        None,
        "state.acknowledgement  (LOG-3)",
        "never be shortened",
    ),
    "a setting that is none": (
        put(f"{OWN}billing.acount", "x"),
        None,
        "billing.acount",
        "did you mean account?",
    ),
    "a secret": (put(f"{OWN}billing.token", "ghp_abcdefghijklmnop"), None, "billing.token  (CHG-2)", "in plain text"),
    "a shared section here too": (
        put(f"{OWN}projects", {"workload": "other"}),
        None,
        "projects  (CHG-1)",
        "is read from Pulumi.prod.yaml",
    ),
    "project id too long": (
        None,
        put(f"{SHARED}projects.keys", "example-production-encryption-keys"),
        "projects.keys  (ENC-7)",
        "Pulumi.prod.yaml:",
    ),
    "project id in capitals": (None, put(f"{SHARED}projects.audit", "Audit"), "projects.audit  (LOG-2)", "audit: "),
    "one project for two": (
        None,
        put(f"{SHARED}projects.backups", "example-prod-workload"),
        "projects.backups  (BAK-4)",
        "each needs a project of its own",
    ),
    "organization by name": (
        None,
        put(f"{SHARED}organization.id", "example.com"),
        "organization.id  (ACC-9)",
        "123456",
    ),
    "repository id missing": (
        None,
        put(f"{SHARED}delivery.repositoryId", None),
        "delivery.repositoryId  (CIN-1)",
        "is missing",
    ),
    "repository by name": (
        None,
        put(f"{SHARED}delivery.repositoryId", "example-org/secure-hosting"),
        "delivery.repositoryId  (CIN-1)",
        "284705316",
    ),
    "no checks": (None, put(f"{SHARED}delivery.checks", []), "delivery.checks  (CIN-4)", "at least 1"),
    "no projects": (None, put(f"{SHARED}projects", None), "projects  (HOS-1)", "Pulumi.prod.yaml:1 projects"),
    "a region that is none": (
        None,
        put(f"{SHARED}regions.primary", "europe-west77"),
        "regions.primary",
        "did you mean",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_with_its_place(case: str, tmp_path: Path) -> None:
    """Key, clause, problem and what to write; values of the stack's own file with that file's name and line."""
    change, main, key, said = MISTAKES[case]
    config = own()
    if change is not None:
        change(config)
    with pytest.raises(ConfigError) as refusal:
        record_bootstrap(config, home=home(tmp_path, main))
    text = str(refusal.value)
    assert "1 mistake;" in text
    assert key in text
    assert said in text
    assert "ghp_" not in text


def test_mistakes_of_the_stacks_own_file_carry_its_line(tmp_path: Path) -> None:
    """The reader is sent to the file in which the value stands."""
    place = home(tmp_path, put(f"{SHARED}projects.keys", "no"))
    number = next(
        n for n, text in enumerate((place / "Pulumi.prod.yaml").read_text().splitlines(), 1) if "keys: no" in text
    )
    with pytest.raises(ConfigError, match=rf"1\. Pulumi\.prod\.yaml:{number} projects\.keys  \(ENC-7\)"):
        record_bootstrap(home=place)


def test_stores_of_the_bootstrap_have_their_rows(tmp_path: Path) -> None:
    """The state is data too (MIN-2)."""
    with pytest.raises(ConfigError, match=r"data\.yaml:\d+ .*state.*") as refusal:
        record_bootstrap(home=home(tmp_path, rows=lambda rows: rows["state"].update(retentionDays=30)))
    assert "state makes it 180" in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no Pulumi.prod.yaml"),
        ("config: [1", "Pulumi.prod.yaml:1 is not YAML"),
        ("other: 1", "is not a mapping with `config:`"),
    ],
)
def test_a_stack_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, text: str | None, said: str) -> None:
    """Nothing is made up in its place."""
    shutil.copy(ROOT / "data.yaml", tmp_path)
    if text is not None:
        (tmp_path / "Pulumi.prod.yaml").write_text(text)
    with pytest.raises(pulumi.RunError, match="nothing was changed") as refusal:
        record_bootstrap(home=tmp_path)
    assert said in str(refusal.value)


def test_a_stack_of_another_name_is_refused() -> None:
    """Its own file would not be found by anybody."""
    with pytest.raises(pulumi.RunError, match="such as prod-bootstrap"):
        record(load_bootstrap, config=own(), stack="prod", project="secure-hosting-bootstrap")


def test_the_example_of_every_setting_is_accepted() -> None:
    """What a message tells people to write is right."""
    for name, field in fields(BootstrapConfig):
        assert field.examples or name, name
        if field.is_required():
            assert example_of(field) is not None, name
