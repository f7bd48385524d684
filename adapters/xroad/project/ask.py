"""Health asks the Civil Registry who is behind a code: ``python ask.py EX-1``."""

import sys

from xroad_lite import Node, RequestError

with Node.open("instance/nodes/health") as node:
    try:
        asked = {"codigoPersonal": (sys.argv[1:] or ["EX-1"])[0]}
        answer = node.request("DEMO/GOV/CIVIL/registry", "citizens.person-query", asked)
        print(answer.body)
    except RequestError as error:
        print(error)
