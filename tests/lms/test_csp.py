import re


def test_page_runs_scripts_of_our_own_files_alone(client, db):
    answer = client.get("/c/")

    rules = answer["Content-Security-Policy"].split("; ")
    scripts = re.findall("<script[^>]*>", answer.text)
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= {*rules}
    assert len(scripts) > 1
    assert [each for each in scripts if ' src="/static/' not in each] == []
