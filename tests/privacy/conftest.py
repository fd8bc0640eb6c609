"""What tests of privacy share: the lines and spans that are written while a test runs."""

from tests.seeing.conftest import spans as spans  # noqa: PLC0414 - fixtures are found by their names here
from tests.seeing.conftest import written as written  # noqa: PLC0414
