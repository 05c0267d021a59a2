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

    render_log_token: Credential | None = setting("LOG-2", "the-token-of-the-log-endpoint", None)
    """With which Render signs in to the endpoint of its log stream, where that asks for one."""
