"""Refusals, each in the words that the real cloud or provider would use."""

from __future__ import annotations


class LocalCloudError(Exception):
    """Anything that a person is told about in one message."""


class UnsupportedType(LocalCloudError):
    """A resource type that has no row in the tables."""

    def __init__(self, token: str) -> None:
        provider = token.split(":", maxsplit=1)[0]
        super().__init__(
            f"localcloud does not serve the resource type {token}. Add it under `serve` in "
            f"localcloud/tables/overlay/{provider}.yaml and run `python -m localcloud.tables.make`."
        )


class CloudError(LocalCloudError):
    """An answer of the cloud other than success: `code` is the HTTP status, `reason` the API's word for it."""

    def __init__(self, code: int, message: str, reason: str) -> None:
        super().__init__(f"googleapi: Error {code}: {message}, {reason}")
        self.code = code
        self.reason = reason


class LostAnswer(LocalCloudError):
    """The operation was carried out, but its answer never arrived."""


def already_exists(what: str, hint: str = "") -> CloudError:
    """409: the name is taken."""
    return CloudError(409, f"{what} already exists.{' ' + hint if hint else ''}", "alreadyExists")


def not_found(what: str, hint: str = "") -> CloudError:
    """404: something that is named does not exist."""
    return CloudError(404, f"{what} was not found.{' ' + hint if hint else ''}", "notFound")


def refused(message: str) -> CloudError:
    """400: the request makes sense but the state of the cloud forbids it."""
    return CloudError(400, message, "failedPrecondition")


def denied(message: str, reason: str = "forbidden") -> CloudError:
    """403: someone lacks a permission, or a service is disabled."""
    return CloudError(403, message, reason)
