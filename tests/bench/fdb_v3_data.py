"""A small Full-Duplex-Bench v3 as a user has it, made of our own scenarios, sounds and mock functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.endpoints.minimodel import write_wav
from tmlapp.bench.answer import Answer, ToolUse, Word
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.judges.base import Question, Ruling

AGENT = '''
from livekit.agents import function_tool, RunContext
raise SystemExit("this file must never be run")

class Agent:
    @function_tool
    async def track_order(self, ctx: RunContext, order_id: Annotated[str, Field(description="the number")]):
        """Says where an order is.

        Args:
            order_id: ignored, since it is annotated
        """
        return await call("track_order", order_id=order_id)

    @function_tool(name="x")
    async def search_products(self, query: str, max_price: float | None = None, *, tags: list[str] = [],
                              sort: Literal["price", "name"], deep: Optional[int] = None, other: Weird = 1,
                              more: typing.List[int], free=None, note: Annotated[str, "a note"] = "",
                              odd: Annotated[str, 3] = "", table: Dict[str, int] = {}):
        """
        Finds products.

        Args:
            query (str): what to look for
        """
        return await call("search_products", query=query)
'''

MOCKS = '''
STOCK = [{"sku": "L1", "price": 30}]
CARD_RESULTS = {"get_card_benefits": {"points": 2}}
TOOLS = [{"type": "function", "function": {"name": "modify_autopay", "description": "Moves autopay.",
          "parameters": {"type": "object", "properties": {"to": {"type": "string"}}}}},
         {"name": "not_ours", "description": "x", "parameters": {}}, {"name": name_of(3)}]

class Registry:
    def track_order(self, order_id):
        """Where an order is."""
        self.calls.append(order_id)
        status: str = "on its way"
        if order_id == "X":
            return {"error": "unknown"}
        with self.latency():
            return {"order_id": order_id, "status": status, "eta": f"in {1 + 2} days", "stamp": now(), **extra()}

    async def _search_products(self, query, max_price=100):
        items = STOCK
        return json.dumps({"items": items, "first": items[0], "limit": max_price, "half": max_price / 2,
                           "none": items[7], "tuple": (1, undefined), "zero": 1 / 0, "long": "a" * 10**9})

    def mock_add_to_cart(self, sku, quantity=1):
        total = 30 * quantity
        return respond("add_to_cart", {"total": total, "text": "sku " + sku, "bad": sku + 1})

    def book_flight(self, flight_id):
        return elsewhere(1)

    def search_flights(self, to):
        result = lookup(to)
        return result
'''


def scenario(name: str, calls: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "id": name, "title": f"Title of {name}", "domain": "ecommerce_support", "difficulty": "easy",
        "disfluency_features": ["FILLER"], "state_rollback_test": False,
        "dialogue": [{"user": "Hi.", "ai": "Hello."}, {"user": "Where is order A1?", "ai": "It is on its way."}],
        "expected_tool_calls": calls, **more,
    }  # fmt: skip


TRACK = [{"function": "track_order", "args": {"order_id": "A1"}}]
BUY = [
    {"function": "search_products", "args": {"query": "desk_lamp", "max_price": 40}},
    {"function": "add_to_cart", "args": {"sku": "$RESULT_0.items[0].sku"}},
]


def make_data(folder: Path, *, python: bool = True) -> Path:
    """Three recordings of two scenarios, one of them without tool calls."""
    v3 = folder / "v3"
    v3.mkdir()
    listed = [scenario("ecommerce_01", TRACK), scenario("ecommerce_02", [])]
    (v3 / "benchmark_data_v2.json").write_text(json.dumps({"scenarios": listed}))
    for name in ("ecommerce_01_aa", "ecommerce_01_bb", "ecommerce_02_aa"):
        place = v3 / "fdb_v3_data_released" / name
        place.mkdir(parents=True)
        write_wav(place / "input.wav", rate=48_000, samples=4_800)
    own = {"expected_tool_calls": BUY, "domain": "other"}
    (v3 / "fdb_v3_data_released" / "ecommerce_01_bb" / "metadata.json").write_text(json.dumps(own))
    if python:
        (v3 / "lk_agent_tool.py").write_text(AGENT)
        (v3 / "mock_apis.py").write_text(MOCKS)
        (v3 / "broken.py").write_text("def (")
        (v3 / "folder.py").mkdir()
    return v3


def item(*calls: dict[str, Any], name: str = "ecommerce_01_aa", **truth: Any) -> SuiteItem:
    made = {
        "example_id": "ecommerce_01", "title": "t", "domain": "ecommerce", "difficulty": "easy", "user": "Where is A1?",
        "expected_response": "It is on its way.", "expected_tool_calls": list(calls),
    }  # fmt: skip
    return SuiteItem(id=name, truth=made | truth, group=str(made["domain"]))


def words(*spans: tuple[float, float | None]) -> tuple[Word, ...]:
    return tuple(Word(a, b, f"w{i}") for i, (a, b) in enumerate(spans))


def answer(*calls: dict[str, Any], text: str = "It is on its way.", **more: Any) -> Answer:
    tools = tuple(ToolUse(name=c["function"], arguments=c["args"], t0_s=5.0 + i) for i, c in enumerate(calls))
    given: dict[str, Any] = {
        "text": text, "tools": tools, "words": words((6.0, 6.5)) if text else (),
        "user_words": words((0.0, 1.0), (1.5, 4.0), (6.5, 7.0)),
    }  # fmt: skip
    return Answer(**given | more)


class Says:
    """A judge that rules by key."""

    name = "says"
    parallel = 2

    def __init__(self, value: Any = True, **rulings: Any) -> None:
        self._value = value
        self._rulings = rulings
        self.asked: list[Question] = []

    def ask(self, question: Question) -> Ruling:
        self.asked.append(question)
        value = self._rulings.get(question.key.replace("-", "_"), self._value)
        return Ruling(value=value, judge=self.name, why="because")

    def provenance(self) -> tuple[dict[str, Any], ...]:
        return ({"id": self.name},)
