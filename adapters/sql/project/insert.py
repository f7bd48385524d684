"""Writes a birth into the hospital's database, and shows what the Civil Registry has."""

import sqlite3
import sys

if len(sys.argv) > 1:
    with sqlite3.connect("hospital.sqlite3") as hospital:
        birth = (sys.argv[1], "2026-03-16", "Vera", "Ada")
        hospital.execute("INSERT INTO births VALUES (?, ?, ?, ?)", birth)
with sqlite3.connect("registry.sqlite3") as registry:
    for person in registry.execute("SELECT * FROM people ORDER BY id"):
        print(*person)
