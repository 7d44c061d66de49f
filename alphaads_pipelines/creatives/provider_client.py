"""Calls a provider through its official client, with a timeout and translated exceptions.

The clients' own retries are disabled: they sleep as long as the provider asks. Providers' messages are dropped: they
may quote a key or a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import ModuleType
from typing import Any, TypeVar

from alphaads_pipelines.creatives.time_limit import run_with_timeout
from alphaads_pipelines.errors import ConfigurationError, MissingArtifact, TransientError

T = TypeVar("T")

_BUSY = frozenset({408, 409, 429})


class NoAnswer(TransientError):
    """A provider gave no usable answer.

    Parameters
    ----------
    reason: stable code. retry_after_s: the delay the provider asks for.
    may_be_billed: with unknown usage.
    """

    code = "no_answer"

    def __init__(self, reason: str, *, retry_after_s: float | None = None, may_be_billed: bool = False) -> None:
        super().__init__(f"the provider gave no answer: {reason}")
        self.reason, self.retry_after_s, self.may_be_billed = reason, retry_after_s, may_be_billed


def load_client(package: str) -> ModuleType:
    """Import an official client. Raises MissingArtifact if it is not installed."""
    from importlib import import_module

    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise MissingArtifact(f"this needs the package {package!r}; install the extra language-models") from error


def call_provider(client: ModuleType, action: Callable[[], T], limit_s: float) -> T:
    """Make one call.

    Parameters
    ----------
    client: the official module; both providers' raise the same exceptions.
    limit_s: for the whole response; the client's timeout applies between bytes only.

    Raises
    ------
    NoAnswer: a retry may succeed. ConfigurationError: the provider rejects the key, the model or the call.
    """
    try:
        return run_with_timeout(limit_s, action)
    except TimeoutError:
        failure: Exception = NoAnswer("timeout", may_be_billed=True)
    except client.APIStatusError as error:
        failure = _status_error(error)
    except client.APITimeoutError:
        failure = NoAnswer("timeout", may_be_billed=True)
    except client.APIConnectionError:
        failure = NoAnswer("connection", may_be_billed=True)
    except Exception:  # noqa: BLE001 - clients do not validate: a malformed response fails in parsing or when it is read
        failure = NoAnswer("malformed", may_be_billed=True)
    raise failure


def _status_error(error: Any) -> NoAnswer | ConfigurationError:
    if error.status_code in _BUSY or error.status_code >= 500:
        return NoAnswer(f"http_{error.status_code}", retry_after_s=retry_after_s(error.response.headers))
    return ConfigurationError(
        f"the provider refuses the key, the model or the request: HTTP {error.status_code} "
        f"({type(error).__name__}); see its API key and model in the settings"
    )


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Parse the delay a provider asks for; None if absent or malformed."""
    if value := headers.get("retry-after-ms"):
        return _seconds(value, 1000)
    value = headers.get("retry-after")
    if not value:
        return None
    seconds = _seconds(value, 1)
    return seconds if seconds is not None else _seconds_until(value, now or datetime.now(UTC))


def _seconds(value: str, per_second: int) -> float | None:
    try:
        seconds = float(value) / per_second
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _seconds_until(value: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds())
