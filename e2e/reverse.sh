#!/usr/bin/env bash
# Our relay and AppView behind a PDS and a PLC directory that we did not write, and our client
# against that PDS.
set -euo pipefail
cd "$(dirname "$0")"
data=$1
ts="$HOME/.cache/ts-network"

bash "$ATPROTO_SHARED/tools/ts-network/setup.sh" "$ts" >"$data/ts-setup.log" 2>&1 || { tail -50 "$data/ts-setup.log"; exit 1; }

pids=()
trap '((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null; wait || true' EXIT
free_port() { node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }
await_url() { for _ in $(seq 300); do curl -fsS -o /dev/null "$1" 2>/dev/null && return; sleep 0.1; done; echo "$1 does not answer" >&2; return 1; }

plc=$(free_port) pds=$(free_port) limited=$(free_port) relay=$(free_port) appview=$(free_port)
export TS_PDS_URL="http://localhost:$pds" TS_LIMITED_PDS_URL="http://localhost:$limited"
export TS_PLC_URL="http://localhost:$plc" RELAY_URL="http://127.0.0.1:$relay"

(cd "$ts" && . ./env.sh && exec node --import ./loopback.mjs plc.mjs "$plc") >"$data/ts-plc.log" 2>&1 & pids+=($!)
await_url "http://127.0.0.1:$plc/_health"

(cd "$ts" && . ./env.sh && PDS_DEV=1 BSKY_URL="http://localhost:$appview" BSKY_DID="did:web:localhost%3A$appview" \
    exec node --import ./loopback.mjs pds.mjs "$pds" "http://localhost:$plc" "$data/ts-pds") >"$data/ts-pds.log" 2>&1 & pids+=($!)

(here=$PWD; cd "$ts" && . ./env.sh && exec node --import ./loopback.mjs --input-type=module - \
    "$limited" "http://localhost:$plc" "$data/ts-limited" <"$here/limited-pds.mjs") >"$data/ts-limited.log" 2>&1 & pids+=($!)

"$STACK_BIN" serve relay --listen "127.0.0.1:$relay" --data "$data/reverse-relay" \
    --plc-url "http://127.0.0.1:$plc" --allow-insecure-hosts >"$data/reverse-relay.log" 2>&1 & pids+=($!)
"$STACK_BIN" serve appview --listen "127.0.0.1:$appview" --data "$data/reverse-appview" \
    --relay "$RELAY_URL" --plc-url "http://127.0.0.1:$plc" --did "did:web:localhost%3A$appview" \
    --public-url "http://localhost:$appview" --dev-handle-host ".test=$TS_PDS_URL" \
    --allow-loopback >"$data/reverse-appview.log" 2>&1 & pids+=($!)
await_url "$TS_PDS_URL/xrpc/_health"
await_url "$TS_LIMITED_PDS_URL/xrpc/_health"
await_url "$RELAY_URL/xrpc/_health"

node --test reverse.test.mjs || { tail -n 40 "$data"/reverse-*.log "$data"/ts-pds.log; exit 1; }

echo '--- our client logs in to the reference PDS, writes, renews its tokens and logs out'
cargo test --locked -p atp --test it reference:: || { tail -n 40 "$data/ts-pds.log" "$data/ts-limited.log"; exit 1; }
