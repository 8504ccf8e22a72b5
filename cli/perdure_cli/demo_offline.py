"""Two ships, a lost stick and a burned site, on an embedded chain: what `make demo-offline` plays.

No ship has a network once it has left the port: sticks are folders here, and travel by being named in another place's command. Of one
ship everything is deleted but its printed recovery sheet, and it carries on.
"""

import shutil
import sys
from pathlib import Path

from perdure_cli.storytelling import Story, play

_WORDS = ("--passphrase-file", "../words.txt")
_PORT_WORDS = ("--passphrase-file", "words.txt")
_PAPERS = {
    "aurora": {
        "charter.txt": "Charter party, signed in Rotterdam on 4 May 2026.\n",
        "cargo.txt": "Received on board: 40 pallets, one of them damaged.\n",
        "pilot.txt": "Pilot's note: draught 7.4 m at 06:10.\n",
        "protest.txt": "Sea protest: heavy weather on 11 May, deck cargo shifted.\n",
    },
    "borealis": {"crew.txt": "Crew list, signed by the master.\n"},
}
_AFTER_THE_FIRE = {"survey.txt": "Survey after the fire: bridge and office burned out, hull sound.\n"}


def main() -> int:
    """Play the story in the folder that the first argument names."""
    return play("perdure_cli.demo_offline", _play)


def _play(story: Story) -> None:
    for folder in (
        "port",
        "auditor",
        "ashore",
        *(f"sticks/{name}" for name in ("blue", "green", "red", "white")),
    ):
        (story.folder / folder).mkdir(parents=True)
    for ship, papers in _PAPERS.items():
        _write(story.folder / ship, papers)
    (story.folder / "words.txt").write_text("correct horse battery staple\n", encoding="utf-8")
    _leave_port(story)
    _lose_a_stick(story)
    _bring_sticks_to_port(story)
    _take_evidence_home(story)
    _print_the_sheet(story)
    _burn(story)
    _recover(story)
    _carry_on(story)
    _verify(story)
    story.tell("16. The chain ends here; `perdure devnet up --dir chain` goes on with it.")
    story.run(".", "devnet", "down", "--dir", "chain")


def _leave_port(story: Story) -> None:
    story.tell(
        "1. In the port: a chain of four validators, in one process on this machine, and a gateway, which relays for ships that have "
        "no network. It can delay what they send, and nothing else."
    )
    story.run(".", "devnet", "up", "--dir", "chain", "--detach", "--port", "0", "--period", "1")
    story.run(
        ".", "gateway", "init", "--devnet", "chain", "--gateway", "port/gateway", *_PORT_WORDS, who="port"
    )
    story.tell(
        "2. Two ships of two partners get their vaults while they are still in the port. Then they leave."
    )
    for ship, partner in (("aurora", "acme"), ("borealis", "globex")):
        story.run(
            ship, "init", f"{partner}/{ship}", "--devnet", "../chain", "--no-recovery-key", *_WORDS, who=ship
        )


def _lose_a_stick(story: Story) -> None:
    story.tell(
        "3. At sea: each records what was signed on board. `courier pack` seals it and writes one file on a stick; of what the records "
        "say nothing is in it."
    )
    story.run("aurora", "add", "charter.txt", "--type", "contract", who="aurora")
    story.run("aurora", "courier", "pack", "../sticks/blue", "--stick", "the blue one", *_WORDS, who="aurora")
    story.run("borealis", "add", "crew.txt", "--type", "list", who="borealis")
    story.run(
        "borealis", "courier", "pack", "../sticks/green", "--stick", "the green one", *_WORDS, who="borealis"
    )
    story.tell(
        "4. The boat that takes Aurora's blue stick ashore loses it overboard. Nobody on board knows; but the status says what is out, "
        "what is at risk, and when to send again. So Aurora packs once more, with what was recorded since."
    )
    shutil.move(story.folder / "sticks" / "blue", story.folder / "at-the-bottom-of-the-sea")
    story.run("aurora", "add", "cargo.txt", "--type", "receipt", who="aurora")
    story.run("aurora", "status", who="aurora")
    story.run("aurora", "courier", "pack", "../sticks/red", "--stick", "the red one", *_WORDS, who="aurora")


def _bring_sticks_to_port(story: Story) -> None:
    story.tell(
        "5. The red and the green stick come to the port. The gateway checks each bundle from end to end, anchors the newest checkpoint "
        "of each ship, and writes what goes back on the same sticks."
    )
    _deliver(story, "red", "green")


def _take_evidence_home(story: Story) -> None:
    story.tell(
        "6. Weeks later the sticks are back on board. Evidence is verified there, under the trust file that was pinned in the port: the "
        "gateway is believed nothing. The red bundle covers what was on the blue one; nothing is lost, nothing is there twice."
    )
    story.run("aurora", "courier", "receive", "../sticks/red", who="aurora")
    story.run("borealis", "courier", "receive", "../sticks/green", who="borealis")
    story.run("aurora", "status", who="aurora")
    story.tell(
        "7. Aurora hands out evidence of the charter party, Borealis of its crew list. An auditor gets both."
    )
    story.run("aurora", "prove", "charter.txt", *_WORDS, who="aurora")
    story.run("borealis", "prove", "crew.txt", *_WORDS, who="borealis")
    for paper in ("aurora/charter.txt", "borealis/crew.txt"):
        _hand_over(story, paper)


def _print_the_sheet(story: Story) -> None:
    story.tell(
        "8. Aurora's master prints a recovery sheet, one page with QR codes, and leaves it ashore with the agent. It holds the ship's "
        "key, locked under the passphrase, and where the log stands. (Here it is the text of that page.)"
    )
    story.run("aurora", "recovery-sheet", "../ashore/sheet.txt", *_WORDS, who="aurora")
    story.tell(
        "9. Two more records. The first of them leaves on the red stick; the second is still on board when the fire breaks out."
    )
    story.run("aurora", "add", "pilot.txt", "--type", "note", who="aurora")
    story.run("aurora", "courier", "pack", "../sticks/red", "--stick", "the red one", *_WORDS, who="aurora")
    _deliver(story, "red")
    story.run("aurora", "add", "protest.txt", "--type", "protest", who="aurora")


def _burn(story: Story) -> None:
    story.tell(
        "10. Aurora's office burns out: the vault, the papers, the settings, the stick that was just coming back. What is left of the "
        "site is the printed sheet, and the passphrase in its master's head. The sea protest, which no stick had taken along, is gone "
        "for good; the log is not."
    )
    for lost in ("aurora", "settings/aurora", "sticks/red"):
        shutil.rmtree(story.folder / lost)
    left = sorted(path.name for path in (story.folder / "ashore").iterdir())
    story.tell(f"What is left: {', '.join(left)}.")


def _recover(story: Story) -> None:
    story.tell(
        "11. A new computer, still without a network. The port writes its mirror of Aurora's log on the white stick: leaf hashes, which "
        "say how many records there were and when, and nothing of what is in them. With that and the sheet, the log is there again, "
        "also what was anchored after the sheet was printed."
    )
    story.run(
        ".", "gateway", "mirror", "acme/aurora", "sticks/white", "--gateway", "port/gateway", who="port"
    )
    _write(story.folder / "aurora", _AFTER_THE_FIRE)
    (mirror,) = (story.folder / "sticks" / "white").iterdir()
    sources = ("--sheet", "../ashore/sheet.txt", "--bundle", f"../sticks/white/{mirror.name}", "--offline")
    story.run("aurora", "recover", *sources, "--devnet", "../chain", *_WORDS, who="aurora")
    mirror.unlink()
    story.tell(
        "12. The sheet and the mirror may be older than what the registry has by now. Until that is known the new vault records, but "
        "seals nothing: its first stick only asks, and the port answers."
    )
    story.run("aurora", "add", "survey.txt", "--type", "survey", who="aurora")
    _there_and_back(story)


def _carry_on(story: Story) -> None:
    story.tell("13. Now it is known that nothing is missing, and the log goes on where it stood.")
    _there_and_back(story)
    story.run("aurora", "status", who="aurora")
    story.run("aurora", "prove", "survey.txt", *_WORDS, who="aurora")
    _hand_over(story, "aurora/survey.txt")
    story.tell(
        "14. And the blue stick? A fisherman has found it, and brings it to the port. What is on it is anchored already: nothing happens."
    )
    shutil.move(story.folder / "at-the-bottom-of-the-sea", story.folder / "sticks" / "blue")
    _deliver(story, "blue")


def _verify(story: Story) -> None:
    story.tell(
        "15. The auditor asks nobody: neither ship nor port. With the consortium's trust file, evidence from before the fire is as good "
        "as evidence from after it, though the vault that made it is ashes."
    )
    shutil.copy(story.folder / "chain" / "consortium.json", story.folder / "auditor")
    for paper in ("charter.txt", "survey.txt", "crew.txt"):
        arguments = (f"{paper}.evidence.json", paper, "--trust", "consortium.json")
        story.run("auditor", "verify", *arguments, who="auditor")


def _there_and_back(story: Story) -> None:
    """Aurora's white stick goes to the port, and comes back."""
    story.run(
        "aurora", "courier", "pack", "../sticks/white", "--stick", "the white one", *_WORDS, who="aurora"
    )
    _deliver(story, "white")
    story.run("aurora", "courier", "receive", "../sticks/white", who="aurora")


def _deliver(story: Story, *sticks: str) -> None:
    paths = (f"sticks/{stick}" for stick in sticks)
    story.run(".", "courier", "deliver", *paths, "--gateway", "port/gateway", *_PORT_WORDS, who="port")


def _hand_over(story: Story, paper: str) -> None:
    """A document and its evidence to the auditor."""
    for name in (paper, f"{paper}.evidence.json"):
        shutil.copy(story.folder / name, story.folder / "auditor")


def _write(folder: Path, papers: dict[str, str]) -> None:
    folder.mkdir()
    for name, text in papers.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
