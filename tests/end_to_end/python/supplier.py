"""Orders from the supplier at a URL as any client of the draft would, and prints the answers as JSON."""

import json
import sys
import urllib.error
import urllib.request

URL = sys.argv[1]


def ask(method, path, body=None, key=None):
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Idempotency-Key"] = key
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, dict(answer.headers), answer.read().decode()


ORDER = {"product": "123456", "quantity": 1000, "reference": "P1"}
answers = [
    ask("POST", "/orders", ORDER, key='"supplier:P1"'),
    ask("POST", "/orders", ORDER, key="supplier:P1"),
    ask("POST", "/orders", {**ORDER, "quantity": 1}, key='"supplier:P1"'),
    ask("POST", "/orders", ORDER),
    ask("GET", "/orders?reference=P1"),
]
print(json.dumps(answers))
