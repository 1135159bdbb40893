"""Static files in production."""

from __future__ import annotations

from pathlib import Path

from lms.staticfiles import StaticFiles


def test_a_script_imports_others_by_their_hash(tmp_path: Path) -> None:
    scripts = {
        "lms/js/room/room.js": 'import { Call } from "./call.js";\n',
        "lms/js/room/call.js": 'new URL("./ticker.js", import.meta.url);\n',
        "lms/js/room/ticker.js": "setInterval(() => postMessage(null), 1_000);\n",
        "packages/example.js": 'import { all } from "./not-there";\n',
    }
    for name, text in scripts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    storage = StaticFiles(location=tmp_path, base_url="/static/")

    list(storage.post_process({name: (storage, name) for name in scripts}))

    room, call, ticker = (
        storage.url(f"lms/js/room/{name}.js").removeprefix("/static/")
        for name in ("room", "call", "ticker")
    )
    called, ticked = Path(call).name, Path(ticker).name
    assert (tmp_path / room).read_text() == f'import {{ Call }} from "./{called}";\n'
    assert (tmp_path / call).read_text() == f'new URL("./{ticked}", import.meta.url);\n'
    assert "call.js" not in called
