#!/bin/sh
# Publish a birth at one gateway and read it at another, with curl alone.
#   client.sh http://127.0.0.1:8080 http://127.0.0.1:8081
# XROAD_LITE_TOKEN is shown to both, if it is set: xroad-lite gateway token new NAME
set -eu
[ $# = 2 ] || { echo "usage: client.sh PUBLISHER READER, the addresses of two gateways" >&2; exit 2; }
publisher=$1 reader=$2
ask() { curl --silent --show-error --fail-with-body ${XROAD_LITE_TOKEN:+-H "Authorization: Bearer $XROAD_LITE_TOKEN"} "$@"; }

# A reader says what it reads before the first message is sent to it.
said=$(ask "$reader/api/v1/messages/health.birth") || { echo "$said"; exit 1; }

ask "$publisher/api/v1/messages/health.birth" \
  -H "Content-Type: application/json" -H "X-Road-Issue: case-2026-1" --data @- <<BIRTH
{"resourceType": "Patient", "birthDate": "2026-03-14", "gender": "female",
 "identifier": [{"use": "official", "system": "urn:example:births", "value": "B-2026-0001"}],
 "name": [{"use": "official", "family": "Rojas", "given": ["Elena"]}]}
BIRTH
echo

# In the terms of a civil registry: Accept-Profile names the schema to read as.
read=$(ask "$reader/api/v1/messages/health.birth?wait=30&limit=1" -H "Accept-Profile: citizens.person") || { echo "$read"; exit 1; }
echo "$read"
entry=$(printf %s "$read" | sed 's/.*"entry":\([0-9]*\).*/\1/')
ask -X POST "$reader/api/v1/messages/health.birth/$entry/acknowledge"
echo "acknowledged $entry"
