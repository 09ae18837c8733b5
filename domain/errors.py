"""Why a command is refused: a stable code, and in both languages what is wrong and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from domain.kind import Text


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one answer; `path` such as `actions.0.owner`."""

    path: str
    message: Text


class DomainError(Exception):
    """Root of what the domain raises. `code` is stable; `message` says what to do."""

    code = "domain"

    def __init__(self, message: Text, *, field: str | None = None) -> None:
        super().__init__(message.en)
        self.message = message
        self.field = field


class UnknownKindError(DomainError):
    """No such kind, or not in that version."""

    code = "unknown-kind"

    def __init__(self, kind_id: str, version: int | None = None) -> None:
        which = kind_id if version is None else f"{kind_id}@{version}"
        super().__init__(
            Text(
                zh=f"没有“{which}”这种记录;请从记录种类列表中选择。",
                en=f"There is no kind of record {which!r}; choose one from the list of kinds.",
            )
        )


class UnknownStepError(DomainError):
    """The kind has no such step, slot, pause reason, link or item."""

    code = "unknown-step"


class InvalidFormError(DomainError):
    """Answers are missing or of the wrong form; `faults` names each."""

    code = "invalid-form"

    def __init__(self, faults: tuple[FieldFault, ...]) -> None:
        first = faults[0]
        super().__init__(
            Text(
                zh=f"表单有 {len(faults)} 处需要更正;第一处 {first.path}:{first.message.zh}",
                en=f"{len(faults)} answers need mending; first {first.path}: {first.message.en}",
            ),
            field=first.path,
        )
        self.faults = faults


class StepNotAllowedError(DomainError):
    """The record's state does not allow the step now; `allowed` are the steps that it does."""

    code = "step-not-allowed"

    def __init__(self, message: Text, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.allowed = allowed


class NotEntitledError(DomainError):
    """This person or system may not do this here."""

    code = "not-entitled"


class GuardError(DomainError):
    """Something else must be done first."""

    code = "guard"


class ConflictError(DomainError):
    """The same was already done: signed, acknowledged, linked, paused."""

    code = "already-done"


class TimeClaimError(DomainError):
    """The claimed time cannot be: later than now, or before the record began."""

    code = "claimed-time"


class SeparationError(NotEntitledError):
    """Separation of duties: whoever did the one may not do the other (RETENTION.md 6)."""

    code = "SEPARATION"


class DisposalError(DomainError):
    """The record does not go, or has gone already; `code` is a word of RETENTION.md 7 and 9 D."""

    def __init__(self, code: str, message: Text) -> None:
        super().__init__(message)
        self.code = code
