"""What end-to-end tests start from: one running product for the session, a team and a receiver for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.account import Account
from tests.product import Product
from tests.receiver import Receiver

SHOWN_CHARACTERS = 8_000
OUTPUT = pytest.StashKey[Callable[[], str]]()


@pytest.fixture(scope="session")
def _product() -> Iterator[Product]:
    product = Product()
    try:
        product.start()
        yield product
    finally:
        product.stop()


@pytest.fixture
def product(_product: Product, request: pytest.FixtureRequest) -> Product:
    """The running product. What it writes while a test fails is shown with the failure."""
    mark = _product.mark_output()
    request.node.stash[OUTPUT] = lambda: _product.output_since(mark)
    return _product


@pytest.fixture(scope="session")
def observed() -> Iterator[Product]:
    """A product for tests that look at all of what it writes and counts: no other test's work is in there."""
    product = Product()
    product.environment["LOG_FORMAT"] = "json"
    try:
        product.start()
        yield product
    finally:
        product.stop()


@pytest.fixture
def breakable(product: Product) -> Iterator[Product]:
    """The product, for a test that kills parts of it: all of them run again afterwards."""
    yield product
    product.restore()


@pytest.fixture
def account(product: Product) -> Account:
    return product.new_account()


@pytest.fixture
def other_account(product: Product) -> Account:
    return product.new_account()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.start()
    yield made
    made.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed and OUTPUT in item.stash:
        report.sections.append(("product output", item.stash[OUTPUT]()[-SHOWN_CHARACTERS:]))
    return report
