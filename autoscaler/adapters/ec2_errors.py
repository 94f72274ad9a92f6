"""What goes wrong with EC2, in our words: out of stock, or an ActionError with one of a few codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as vendor
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from autoscaler.model.errors import ActionError, StockOut

OFFERING_UNAVAILABLE = frozenset(
    {
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "InsufficientFreeAddressesInSubnet",
        "Unsupported",
        "MaxSpotInstanceCountExceeded",
        "SpotMaxPriceTooLow",
    }
)
"""Another subnet, type or market may well work now (`Unsupported`: the zone lacks the type; the last two are said of
spot launches alone). Karpenter's `unfulfillableCapacityErrorCodes` draws the same line."""

KINDS: tuple[tuple[str, bool, str], ...] = (
    # our code, whether the next cycle may try the same again, and EC2's codes
    ("ec2_unauthorized", False, r"UnauthorizedOperation|AccessDenied.*|AuthFailure.*|OptInRequired|Blocked"),
    ("ec2_unauthorized", False, r"InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient.*|MissingAuth.*"),
    ("ec2_unauthorized", True, r"ExpiredToken.*|RequestExpired"),  # credentials rotate, clocks are set
    ("ec2_throttled", True, r"RequestLimitExceeded|Throttling.*|RequestThrottled.*|EC2Throttled.*"),
    ("ec2_quota", True, r"InstanceLimitExceeded|VcpuLimitExceeded|VolumeLimitExceeded"),
    ("ec2_not_found", False, r".*NotFound.*"),
    ("ec2_wrong_state", True, r"IncorrectInstanceState|IncorrectState"),  # it is on its way to another
    ("ec2_token_reused", False, r"IdempotentParameterMismatch"),
    ("ec2_unavailable", True, r"Internal.*|Unavailable|ServiceUnavailable|5\d\d"),
)

NO_CREDENTIALS = (
    vendor.NoCredentialsError,
    vendor.PartialCredentialsError,
    vendor.CredentialRetrievalError,
    vendor.TokenRetrievalError,
    vendor.ProfileNotFound,
)
UNREACHABLE = (vendor.ConnectionError, vendor.HTTPClientError)  # refused, dropped, timed out, no such host, TLS


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Translate whatever `operation` (such as DescribeInstances) raises."""
    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        raise action_error(operation, error) from error


def action_error(operation: str, error: Exception) -> ActionError:
    """Translate botocore's errors into ours. The detail names the operation, which is the permission's name, too."""
    if isinstance(error, ClientError):
        return _refused(operation, error_code(error), error.response["Error"].get("Message", ""))
    if isinstance(error, NO_CREDENTIALS):
        return ActionError("ec2_unauthorized", f"no AWS credentials: {error}")
    if isinstance(error, vendor.ParamValidationError):
        return ActionError("ec2_rejected", f"{operation}: {error}", retryable=False)
    code = "ec2_unreachable" if isinstance(error, UNREACHABLE) else "ec2_unavailable"
    return ActionError(code, f"{operation}: {error}")


def _refused(operation: str, code: str, message: str) -> ActionError:
    """Classify an answer of EC2's. The encoded authorization message is dropped: a kilobyte that nobody can read."""
    sentence = message.partition(" Encoded authorization failure message:")[0]
    if code in OFFERING_UNAVAILABLE:
        return StockOut(sentence)
    for kind, retryable, pattern in KINDS:
        if re.fullmatch(pattern, code):
            return ActionError(kind, f"{operation}: {code}: {sentence}", retryable=retryable)
    return ActionError("ec2_rejected", f"{operation}: {code}: {sentence}", retryable=False)


def error_code(error: ClientError) -> str:
    """Return EC2's own word for it, "" when it gave none."""
    return error.response["Error"].get("Code", "")
