"""How much PostgreSQL logs: enough to see errors and statements, and no values of users' data.

The tools pull log levels in two directions. Too quiet (errors vanish) and too talkative (debug output holds data) are
two facts here, each with the ids of the tools that check it.
"""

from __future__ import annotations

from policies.rules._flags import Flag, register

_LEVELS = (
    "debug5",
    "debug4",
    "debug3",
    "debug2",
    "debug1",
    "info",
    "notice",
    "warning",
    "error",
    "log",
    "fatal",
    "panic",
)
"""From most to least talkative, as PostgreSQL orders `log_min_messages` for the server log."""


def _up_to(level: str) -> frozenset[str]:
    return frozenset(_LEVELS[: _LEVELS.index(level) + 1])


def _from(level: str) -> frozenset[str]:
    return frozenset(_LEVELS[_LEVELS.index(level) :])


register(
    Flag(
        id="sql-postgres-log-messages-not-quiet",
        engine="POSTGRES",
        name="log_min_messages",
        title="PostgreSQL logs messages of level error and above",
        why="At log, fatal or panic the server says nothing about failed statements. The default is warning. A value "
        "that PostgreSQL does not know is refused by it and leaves the setting unmanaged.",
        allowed=_up_to("error"),
        wanted="warning",
        wrong=("PANIC", "fatal", "log", "debug6"),
        refs=("checkov:CKV_GCP_55", "trivy:GCP-0018"),
    )
)
register(
    Flag(
        id="sql-postgres-log-messages-not-talkative",
        engine="POSTGRES",
        name="log_min_messages",
        title="PostgreSQL logs no messages below warning",
        why="Debug, info and notice messages flood the log and can hold values of users' data. The default is warning.",
        allowed=_from("warning"),
        wanted="warning",
        wrong=("DEBUG5", "notice", "info"),
        clause="MIN-1",
        severity="low",
        refs=(
            "kics:sql_db_instance_with_unrecommended_logging_threshold",
            "prowler:cloudsql_instance_postgres_log_min_messages_flag",
            "cis-gcp:6.2.5",
        ),
    )
)
register(
    Flag(
        id="sql-postgres-log-failed-statements",
        engine="POSTGRES",
        name="log_min_error_statement",
        title="PostgreSQL logs the statements that failed",
        why="At log, fatal or panic a statement that fails leaves no text behind. The default is error.",
        allowed=_up_to("error"),
        wanted="error",
        wrong=("LOG", "FATAL", "PANIC", "off"),
        refs=("checkov:CKV_GCP_109",),
    )
)
register(
    Flag(
        id="sql-postgres-log-only-failed-statements",
        engine="POSTGRES",
        name="log_min_error_statement",
        title="PostgreSQL logs statements for errors only, not for lesser messages",
        why="Below error, harmless statements are written out together with the data they hold. The default is error.",
        allowed=_from("error"),
        wanted="error",
        wrong=("WARNING", "debug5", "notice"),
        clause="MIN-1",
        severity="low",
        refs=(
            "kics:sql_db_instance_with_unrecommended_error_logging_threshold",
            "prowler:cloudsql_instance_postgres_log_min_error_statement_flag",
            "cis-gcp:6.2.6",
        ),
    )
)
register(
    Flag(
        id="sql-postgres-log-temp-files",
        engine="POSTGRES",
        name="log_temp_files",
        title="PostgreSQL logs every temporary file",
        why="Large temporary files are the trace of bulk reads and of queries that exhaust the disk. -1 logs none.",
        allowed=frozenset({"0", "0kb"}),
        wanted="0",
        wrong=("30", "-1"),
        refs=("checkov:CKV_GCP_56", "trivy:GCP-0014"),
        must_state=("trivy:GCP-0014",),
        default="-1, which logs none",
    )
)
register(
    Flag(
        id="sql-postgres-no-slow-statement-log",
        engine="POSTGRES",
        name="log_min_duration_statement",
        title="PostgreSQL writes no statements into the log for being slow",
        why="Statements logged for their duration hold the values of users' data. -1 is off and the default.",
        allowed=frozenset({"-1"}),
        wanted="-1",
        wrong=("99", "0"),
        clause="MIN-1",
        refs=(
            "checkov:CKV_GCP_57",
            "trivy:GCP-0021",
            "kics:sql_db_instance_with_minimum_log_duration",
            "prowler:cloudsql_instance_postgres_log_min_duration_statement_flag",
            "cis-gcp:6.2.7",
        ),
    )
)
register(
    Flag(
        id="sql-postgres-log-statement",
        engine="POSTGRES",
        name="log_statement",
        title="PostgreSQL logs at least the statements that change the schema",
        why="Changes of tables and rights have to leave a trace. The default is none.",
        allowed=frozenset({"ddl", "mod", "all"}),
        wanted="ddl",
        wrong=("none", "off"),
        required=True,
        refs=(
            "checkov:CKV_GCP_111",
            "prowler:cloudsql_instance_postgres_log_statement_flag",
            "cis-gcp:6.2.4",
        ),
    )
)
register(
    Flag(
        id="sql-postgres-log-verbosity",
        engine="POSTGRES",
        name="log_error_verbosity",
        title="PostgreSQL logs errors no more verbosely than by default",
        why="Verbose adds source code positions and can show inner details of the server. The default is default.",
        allowed=frozenset({"default", "terse"}),
        wanted="default",
        wrong=("verbose", "VERBOSE"),
        severity="low",
        refs=("prowler:cloudsql_instance_postgres_log_error_verbosity_flag", "cis-gcp:6.2.1"),
    )
)
