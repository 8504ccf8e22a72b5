"""The page for passkeys in Debian's Chromium, with Chromium's own virtual authenticator, asked by the real command."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from node.test_confirming import person, record, signing
from perdure_node.evidence.proving import prove
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.people import operator_named
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.selectors import parse_selector
from perdure_node.vault import Vault
from tools.browser import chromium
from tools.site_desk import Site, verdict_on
from tools.site_network import PASSPHRASE, STOPPED

SHOTS = os.environ.get("PERDURE_SCREENSHOTS")
MILLISECONDS = 30_000

pytestmark = pytest.mark.slow


class Command:
    """A command that waits for a passkey; its address is read from what it tells."""

    def __init__(self, vault: Vault, *words: str, passphrase: str = PASSPHRASE) -> None:
        environment = {**os.environ, "PERDURE_PASSPHRASE": passphrase, "PERDURE_BROWSER": "none"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "perdure_cli", *words, "--vault", str(vault.folder)],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.told = ""

    def address(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.told += line
            if found := re.search(r"http://localhost:\S+", line):
                return found[0]
        raise AssertionError(self.told)

    def ends(self) -> tuple[int, str, str]:
        out, told = self.process.communicate(timeout=60)
        return self.process.returncode, out, self.told + told


@pytest.fixture(scope="module", name="chromium")
def opened_browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


class Browser:
    """One tab with a virtual authenticator, which knows its user or not."""

    def __init__(self, chromium: Any) -> None:
        self.context = chromium.new_context(viewport={"width": 1000, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(MILLISECONDS)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.devtools = self.context.new_cdp_session(self.page)
        self.devtools.send("WebAuthn.enable")
        made = self.devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                }
            },
        )
        self.authenticator = made["authenticatorId"]

    def knows_its_user(self, knows: bool) -> None:
        self.devtools.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self.authenticator, "isUserVerified": knows}
        )

    def use(self, address: str) -> None:
        self.page.goto(address)
        self.page.click("#use")

    def told(self, kind: str) -> str:
        self.page.wait_for_selector(f"#told.{kind}")
        return str(self.page.inner_text("#told"))

    def shoot(self, name: str) -> None:
        if SHOTS:
            self.page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


@pytest.fixture
def browser(chromium: Any) -> Iterator[Browser]:
    opened = Browser(chromium)
    yield opened
    opened.context.close()


@pytest.fixture
def commands(vault: Vault) -> Iterator[list[Command]]:
    """Those that were started, ended with the test."""
    started: list[Command] = []
    yield started
    for each in started:
        with suppress(ProcessLookupError):
            each.process.kill()
        each.process.communicate()


def enrolled(vault: Vault, browser: Browser, commands: list[Command]) -> None:
    """Ada records with her passphrase, Ben gets a passkey."""
    adopt_policy(vault, policy_template(), clock=STOPPED, randomness=os.urandom)
    person(vault, "Ada", Role.RECORDER)
    command = Command(vault, "operator", "add", "Ben <b>", "--role", "confirmer", "--passkey")
    commands.append(command)
    browser.use(command.address())
    assert browser.told("good").startswith("Done")
    browser.shoot("passkey-enrolled")
    code, out, told = command.ends()
    assert code == 0, told
    assert "passkey" in out


def test_who_enrolled_a_passkey_confirms_with_it_what_the_page_shows(
    site: Site, browser: Browser, commands: list[Command]
) -> None:
    vault = site.vault
    enrolled(vault, browser, commands)
    site.sync()
    ada = operator_named(vault.database, "Ada")
    added = record(vault, signing(vault, ada))
    command = Command(vault, "confirm", added.leaf_hash.hex(), "--as", "Ben <b>", "--yes")
    commands.append(command)
    browser.page.goto(command.address())
    assert browser.page.inner_text("h1") == "Confirm this record"
    shown = browser.page.inner_text("dl")
    assert all(each in shown for each in ("Ben <b>", "1.txt", "contract", "Ada"))
    assert browser.complaints == []
    assert Axe().run(browser.page).response["violations"] == []
    browser.shoot("passkey-confirm")
    # an authenticator that does not know him signs nothing, and he can try again
    browser.knows_its_user(False)
    browser.page.click("#use")
    assert "cancelled" in browser.told("bad")
    browser.knows_its_user(True)
    browser.page.click("#use")
    assert browser.told("good").startswith("Done")
    code, out, told = command.ends()
    assert code == 0, told
    found = re.search(r"leaf hash ([0-9a-f]{64})", out)
    assert found is not None
    site.sync()
    proof = prove(vault, site.keys, parse_selector(found[1]), disclose={"confirmation"})
    verdict = verdict_on(proof.evidence, vault.trust, 1)
    assert verdict.ok
    assert verdict.confirmation is not None
    assert verdict.confirmation.confirmed is not None
    assert verdict.confirmation.confirmed.statement.name == "Ben <b>"


def test_of_two_tabs_one_counts_and_another_browser_sees_nothing(
    vault: Vault, browser: Browser, chromium: Any, commands: list[Command]
) -> None:
    command = Command(vault, "operator", "add", "Ben", "--role", "confirmer", "--passkey")
    commands.append(command)
    address = command.address()
    browser.page.goto(address)
    second = browser.context.new_page()
    second.goto(address)
    assert second.inner_text("h1") == "Enrol a passkey for Ben"
    elsewhere = chromium.new_context()
    stranger = elsewhere.new_page()
    answer = stranger.goto(address)
    assert answer.status == 403
    assert "Ben" not in stranger.content()
    elsewhere.close()
    browser.page.bring_to_front()
    browser.page.click("#use")
    assert browser.told("good").startswith("Done")
    assert command.ends()[0] == 0
    second.click("#cancel")
    second.wait_for_selector("#told.bad")
    assert "ended" in second.inner_text("#told")


def test_what_is_cancelled_on_the_page_enrols_nobody(
    vault: Vault, browser: Browser, commands: list[Command]
) -> None:
    command = Command(vault, "operator", "add", "Ben", "--role", "confirmer", "--passkey")
    commands.append(command)
    browser.page.goto(command.address())
    browser.page.click("#cancel")
    assert "Cancelled" in browser.told("good")
    code, _, told = command.ends()
    assert code == 1
    assert "cancelled on the page" in told
    assert "Traceback" not in told
