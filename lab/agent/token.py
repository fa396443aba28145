"""The token that an agent asks for: both sides read the same secret."""

from lab.config import Config
from lab.errors import SettingError


def token(settings: Config) -> str:
    """Return the token in the secret ``lab_agent``.

    :raises SettingError: if there is none.
    """
    file = settings.secrets / "lab_agent"
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingError(f"cannot read the agents' token in {file}: {error.strerror}; make env writes one") from None
    if len(text) < 16:
        raise SettingError(
            f"the agents' token in {file} has {len(text)} signs, at least 16 are needed; make env writes one"
        )
    return text
