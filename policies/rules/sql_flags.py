"""Database flags of Cloud SQL: what the engines log, and the features that should be off. One table, one rule a row.

A flag that is set wrongly and a flag that is missing are two facts, because the tools disagree about the second: where
Google's default is the wanted value, only the explicit wrong value is a failure of the main rule, and the tools that
ask for the flag to be written out are answered by a rule of its own.
"""

from __future__ import annotations

from policies.rules._flags import Flag, register

_ON = frozenset({"on", "true", "1", "yes"})
_OFF = frozenset({"off", "false", "0", "no"})


def _on(**record: object) -> None:
    register(Flag(allowed=_ON, wanted="on", wrong=("off", "False"), **record))  # type: ignore[arg-type]


def _off(**record: object) -> None:
    register(Flag(allowed=_OFF, wanted="off", wrong=("on", "TRUE"), default="off", **record))  # type: ignore[arg-type]


def _postgres_on(suffix: str, name: str, why: str, *refs: str, clause: str = "LOG-4") -> None:
    _on(
        id=f"sql-postgres-{suffix}",
        engine="POSTGRES",
        name=name,
        title=f"PostgreSQL sets {name} to on",
        why=why,
        refs=refs,
        required=True,
        clause=clause,
    )


_postgres_on(
    "log-checkpoints",
    "log_checkpoints",
    "Checkpoints in the log explain slow moments and prove that data reached the disk.",
    "checkov:CKV_GCP_51",
    "trivy:GCP-0025",
)
_postgres_on(
    "log-connections",
    "log_connections",
    "Every attempt to connect, also the refused one, is the first trace of a break-in. The default is off.",
    "checkov:CKV_GCP_52",
    "trivy:GCP-0016",
    "kics:sql_db_instance_without_connections_logging",
    "prowler:cloudsql_instance_postgres_log_connections_flag",
    "cis-gcp:6.2.2",
)
_postgres_on(
    "log-disconnections",
    "log_disconnections",
    "The end of a session tells how long somebody was inside. The default is off.",
    "checkov:CKV_GCP_53",
    "trivy:GCP-0022",
    "kics:sql_db_instance_without_disconnections_logging",
    "prowler:cloudsql_instance_postgres_log_disconnections_flag",
    "cis-gcp:6.2.3",
)
_postgres_on(
    "log-lock-waits",
    "log_lock_waits",
    "A session that waits long for a lock is the sign of a blocked or misused database. The default is off.",
    "checkov:CKV_GCP_54",
    "trivy:GCP-0020",
)
_postgres_on(
    "log-hostname",
    "log_hostname",
    "A name beside the address makes the client recognisable after addresses were given out anew.",
    "checkov:CKV_GCP_108",
)
_postgres_on(
    "log-duration",
    "log_duration",
    "The duration of statements shows bulk reads that no single statement would show.",
    "checkov:CKV2_GCP_13",
)
_postgres_on(
    "pgaudit",
    "cloudsql.enable_pgaudit",
    "pgaudit is what writes who read and changed which table; without it the log holds connections only.",
    "checkov:CKV_GCP_110",
    "kics:sql_db_instance_without_centralized_logging",
    "prowler:cloudsql_instance_postgres_enable_pgaudit_flag",
    "cis-gcp:6.2.8",
)
_postgres_on(
    "iam-authentication",
    "cloudsql.iam_authentication",
    "With IAM sign-in, workloads and people reach the database by their own identity and without a password.",
    clause="AUT-2",
)
_on(
    id="sql-mysql-iam-authentication",
    engine="MYSQL",
    name="cloudsql_iam_authentication",
    title="MySQL sets cloudsql_iam_authentication to on",
    why="With IAM sign-in, workloads and people reach the database by their own identity and without a password.",
    required=True,
    clause="AUT-2",
)
_on(
    id="sql-mysql-skip-show-database",
    engine="MYSQL",
    name="skip_show_database",
    title="MySQL sets skip_show_database to on",
    why="Without it every user lists all databases of the instance, which tells an intruder where to look.",
    required=True,
    clause="ACC-10",
    refs=(
        "kics:sql_db_instance_with_exposed_show_privileges",
        "datadog:sql_database_instance_does_not_have_skip_show_database",
        "prowler:cloudsql_instance_mysql_skip_show_database_flag",
        "cis-gcp:6.1.2",
    ),
)
_on(
    id="sql-sqlserver-trace-flag-3625",
    engine="SQLSERVER",
    name="3625",
    spellings=("3625 (trace flag)", "trace flag 3625"),
    title="SQL Server sets trace flag 3625",
    why="The flag masks details in error messages for users who are not administrators.",
    required=True,
    clause="HOS-6",
    refs=(
        "kics:sql_db_instance_with_exposed_trace_logs",
        "prowler:cloudsql_instance_sqlserver_trace_flag",
        "cis-gcp:6.3.6",
    ),
)
for _kind, _number in (("executor", 14), ("parser", 15), ("planner", 16), ("statement", 17)):
    _off(
        id=f"sql-postgres-no-{_kind}-stats",
        engine="POSTGRES",
        name=f"log_{_kind}_stats",
        title=f"PostgreSQL leaves log_{_kind}_stats off",
        why="Profiling output for developers of PostgreSQL floods the log and buries what matters. The default is off.",
        severity="low",
        refs=(f"checkov:CKV2_GCP_{_number}",),
    )
_off(
    id="sql-mysql-no-local-infile",
    engine="MYSQL",
    name="local_infile",
    title="MySQL sets local_infile to off",
    why="With local_infile a client can be made to send any file it can read.",
    clause="HOS-6",
    refs=(
        "checkov:CKV_GCP_50",
        "trivy:GCP-0026",
        "kics:sql_db_instance_with_local_data_loading_enabled",
        "prowler:cloudsql_instance_mysql_local_infile_flag",
        "cis-gcp:6.1.3",
    ),
    must_state=(
        "kics:sql_db_instance_with_local_data_loading_enabled",
        "prowler:cloudsql_instance_mysql_local_infile_flag",
    ),
)
_off(
    id="sql-sqlserver-no-contained-authentication",
    engine="SQLSERVER",
    name="contained database authentication",
    title="SQL Server sets contained database authentication to off",
    why="Contained users sign in to a database without a login of the instance, past the administrators' view.",
    clause="AUT-4",
    refs=(
        "checkov:CKV_GCP_59",
        "trivy:GCP-0023",
        "kics:sql_db_instance_with_contained_database_authentication",
        "prowler:cloudsql_instance_sqlserver_contained_database_authentication_flag",
        "cis-gcp:6.3.7",
    ),
    must_state=("trivy:GCP-0023",),
)
_off(
    id="sql-sqlserver-no-ownership-chaining",
    engine="SQLSERVER",
    name="cross db ownership chaining",
    title="SQL Server sets cross db ownership chaining to off",
    why="Chaining lets the owner of one database reach objects of another without being granted anything there.",
    clause="ACC-10",
    refs=(
        "checkov:CKV_GCP_58",
        "trivy:GCP-0019",
        "kics:sql_db_instance_with_ownership_chaining_enabled",
        "datadog:sql_database_has_cross_db_ownership_chaining",
        "prowler:cloudsql_instance_sqlserver_cross_db_ownership_chaining_flag",
        "cis-gcp:6.3.2",
    ),
    must_state=("trivy:GCP-0019",),
)
_off(
    id="sql-sqlserver-no-external-scripts",
    engine="SQLSERVER",
    name="external scripts enabled",
    title="SQL Server sets external scripts enabled to off",
    why="External scripts run R or Python from inside the database.",
    clause="HOS-6",
    refs=(
        "kics:sql_db_instance_with_external_scripts_enabled",
        "prowler:cloudsql_instance_sqlserver_external_scripts_enabled_flag",
        "cis-gcp:6.3.1",
    ),
)
_off(
    id="sql-sqlserver-no-remote-access",
    engine="SQLSERVER",
    name="remote access",
    title="SQL Server sets remote access to off",
    why="Remote access runs stored procedures from other servers. The engine's default is on.",
    required=True,
    clause="HOS-6",
    refs=(
        "kics:sql_db_instance_with_remote_access_enabled",
        "prowler:cloudsql_instance_sqlserver_remote_access_flag",
        "cis-gcp:6.3.5",
    ),
)
for _name, _why, _refs in (
    (
        "user connections",
        "A limit lets a few open sessions lock everybody out; 0 is no limit and the default.",
        (
            "kics:sql_db_instance_with_limited_user_connections",
            "prowler:cloudsql_instance_sqlserver_user_connections_flag",
            "cis-gcp:6.3.3",
        ),
    ),
    (
        "user options",
        "Global options change how every session behaves, past what its own settings say; 0 is the default.",
        (
            "kics:sql_db_instance_with_global_user_options",
            "prowler:cloudsql_instance_sqlserver_user_options_flag",
            "cis-gcp:6.3.4",
        ),
    ),
):
    register(
        Flag(
            id=f"sql-sqlserver-no-{_name.replace(' ', '-')}",
            engine="SQLSERVER",
            name=_name,
            title=f"SQL Server leaves {_name} at 0",
            why=_why,
            allowed=frozenset({"0"}),
            wanted="0",
            wrong=("10", "on"),
            clause="HOS-6",
            severity="low",
            refs=_refs,
        )
    )
