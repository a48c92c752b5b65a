"""Redis restarts between any two steps of readers and writers of consent; nothing of what ended comes back."""

import pytest

from tests.consent.interleaving import PAIRS, check_all, lengths
from tests.consent.orders import restarted


@pytest.mark.long
@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_a_restart_of_redis_between_any_two_steps_revives_no_consent(scenes, kinds):
    played, total = check_all(scenes, kinds, restarted(lengths(kinds)))
    print(f"{'-'.join(kinds)}: {played} plans, which stand for {total}")
