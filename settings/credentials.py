"""The few secrets that a stack file may hold, encrypted: those that providers take and no workload ever reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from .base import Section, setting

KEY = "credentials"
"""The one section that may be encrypted, and that must be."""

Credential = Annotated[SecretStr, Field(min_length=8)]


class Credentials(Section):
    """Set with `pulumi config set --secret --path 'credentials.<name>'`; never written by hand."""

    google_client_secret: Credential | None = setting("VER-1", "the-secret-of-the-oauth-client", None)
    """Of the OAuth client `signIn.google`; until it is set, sign-in with Google stays switched off."""

    render_api_key: Credential | None = setting("HOS-5", "the-key-of-a-member-of-the-workspace", None)
    """Of Render; left out, the environment variable RENDER_APIKEY is taken."""

    render_signing_key: Credential | None = setting("BAK-6", "an-ed25519-key-in-pem", None)
    """With which jobs on Render sign what they found: `openssl genpkey -algorithm ed25519`."""

    off_site_write_key: Credential | None = setting("BAK-4", "the-id:the-secret-that-writes", None)
    """Of the off-site store: an access key that may add objects, and do nothing else. `<id>:<secret>`."""

    off_site_read_key: Credential | None = setting("BAK-6", "the-id:the-secret-that-reads", None)
    """Of the off-site store: an access key that may read exports and add evidence."""

    off_site_delete_key: Credential | None = setting("MIN-1", "the-id:the-secret-that-deletes", None)
    """Of the off-site store: an access key that may list exports, and delete those that nothing locks any more."""

    render_log_token: Credential | None = setting("LOG-2", "the-token-of-the-log-endpoint", None)
    """With which Render signs in to the endpoint of its log stream, where that asks for one."""
