"""Customer Profiles: the example of a journey without Amazon Connect, and the guide's code."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cdk_gtm_connector.destinations.eventbridge import DETAIL_TYPE

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable


class TestStepFunctions:
    """The example of a journey without Amazon Connect."""

    @pytest.fixture
    def states(self, examples: dict[str, Deployable]) -> dict[str, Any]:
        """The states of the journey."""
        template = examples["journey_with_step_functions"].template
        machine = template.only("AWS::StepFunctions::StateMachine")
        found: dict[str, Any] = json.loads(machine.properties["DefinitionString"])["States"]
        return found

    def test_every_path_ends(self, states: dict[str, Any]) -> None:
        paths = [["What has happened?"]]
        ended = set()
        while paths:
            path = paths.pop()
            state = states[path[-1]]
            following = [choice["Next"] for choice in state.get("Choices", ())]
            following += [state[key] for key in ("Default", "Next") if key in state]
            following += [caught["Next"] for caught in state.get("Catch", ())]
            if state.get("End") or not following:
                assert state.get("End") or state["Type"] == "Succeed"
                ended.add(path[-1])
            assert len(path) <= len(states)
            paths += [[*path, each] for each in following]
        assert ended == {
            *("Note the purchase", "A later one is noted"),
            *("Bought", "No address", "Has an e-mail already", "Send the e-mail"),
        }

    def test_a_purchase_that_comes_late_hides_no_later_one(self, states: dict[str, Any]) -> None:
        noted = states["Note the purchase"]
        condition = "attribute_not_exists(#timestamp) OR #timestamp < :timestamp"
        assert noted["Parameters"]["ConditionExpression"] == condition
        (caught,) = noted["Catch"]
        assert caught["ErrorEquals"] == ["DynamoDB.ConditionalCheckFailedException"]
        assert states[caught["Next"]]["Type"] == "Succeed"

    def test_several_carts_are_one_e_mail(self, states: dict[str, Any]) -> None:
        [into] = [name for name, it in states.items() if it.get("Next") == "Send the e-mail"]
        noted = states[into]
        assert noted["Parameters"]["ConditionExpression"] == "attribute_not_exists(mailed)"
        assert noted["Parameters"]["UpdateExpression"] == "SET mailed = :timestamp"
        # The e-mail's address is still there.
        assert noted["ResultPath"] is None
        (caught,) = noted["Catch"]
        assert caught["ErrorEquals"] == ["DynamoDB.ConditionalCheckFailedException"]
        assert states[caught["Next"]]["Type"] == "Succeed"

    def test_it_waits_before_it_looks(self, states: dict[str, Any]) -> None:
        assert states["Wait"]["Seconds"] == 3600
        assert states["Wait"]["Next"] == "Find the last purchase"

    def test_only_the_connectors_signed_in_events_start_it(
        self, examples: dict[str, Deployable]
    ) -> None:
        template = examples["journey_with_step_functions"].template
        pattern = template.only("AWS::Events::Rule").properties["EventPattern"]
        assert pattern["detail-type"] == [DETAIL_TYPE]
        assert pattern["source"] == [
            template.function.properties["Environment"]["Variables"]["EVENT_SOURCE"]
        ]
        assert pattern["detail"]["access"] == ["authenticated"]


def test_the_guides_python_runs() -> None:
    guide = Path(__file__).parents[3].joinpath("docs", "customer-profiles.md")
    found = re.findall(
        r"^ *```python\n(.*?)^ *```$", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert len(found) >= 4
    for code in found:
        complete = textwrap.dedent(code).replace("campaign/…", "campaign/0123")
        exec(compile(complete, str(guide), "exec"), {})  # noqa: S102 - ours
