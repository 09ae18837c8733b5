"""What must be impossible, tried by call, by HTTP and by command (RETENTION.md table D and 7)."""

import pytest

pytest.register_assert_rewrite("tests.ways.ways")
