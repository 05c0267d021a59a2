"""The figures of the written policy as components and configuration hold them.

The same figures stand in SECURITY-POLICY.md and in the rules; a test holds the three equal. None of them is
configurable downwards.
"""

from __future__ import annotations

from typing import Final

KEY_ROTATION_DAYS_MAX: Final = 90
"""ENC-2, CIS GCP 1.10: a key makes a new version at least this often."""

KEY_DESTROY_DAYS_MIN: Final = 30
"""ENC-5: days between asking for a key version's destruction and its end; the provider cannot change it later."""

BACKUPS_RETAINED_MIN: Final = 30
"""BAK-2: daily backups kept."""

RECOVERY_DAYS: Final = 7
"""BAK-2: days of transaction logs, the most that Cloud SQL Enterprise keeps."""

FINAL_BACKUP_DAYS_MIN: Final = 30
"""BAK-5: days the backup taken on deletion is kept; the provider's limit is 365."""

EXPORT_RETENTION_DAYS_MIN: Final = 30
"""BAK-4: days for which nobody can delete or change an exported copy."""

SOFT_DELETE_DAYS_MIN: Final = 7
"""BAK-8: days in which a deleted object can be brought back; the provider's limit is 90."""

SECRET_ROTATION_DAYS_MAX: Final = 90
"""ENC-9: a secret is renewed at least this often."""

LOG_RETENTION_DAYS_MIN: Final = 400
"""LOG-3: days for which logs stay, so that a yearly review still sees the last one."""

ACCESS_REVIEW_DAYS_MAX: Final = 366
"""ACC-7: days from the review of an access row to its end; ISO 27001 A.5.18 asks for reviews at planned intervals."""

REQUEST_HOURS_MAX: Final = 4
"""ACC-8: how long access lasts that was asked for and approved."""

SESSION_HOURS_MAX: Final = 12
"""AUT-3: hours after which people sign in anew."""

REQUESTS_A_MINUTE_MAX: Final = 1200
"""HOS-3: ten times what the browser of a busy person asks in a minute."""

NONCURRENT_STATE_DAYS_MIN: Final = 30
"""CHG-1: days for which an overwritten state stays readable."""

DAY_SECONDS: Final = 86_400

GUARDRAIL_TRIAL_DAYS_MAX: Final = 90
"""ACC-9: a guardrail is tried for a quarter; what nobody enforces by then is no guardrail."""

GUARDRAIL_EXCEPTION_DAYS_MAX: Final = 366
"""ACC-9: an exception from a guardrail is agreed to anew every year, like a waiver."""
