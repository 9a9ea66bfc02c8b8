# Runs one server for as long as standard input is open; called with the folder of the programs.
# Whatever becomes of the process that holds the other end, nothing is left behind.
set -eu
bin=$1
directory=$(mktemp -d "${TMPDIR:-/tmp}/postgres-XXXXXX")
trap 'rm -rf "$directory"' EXIT
# Not the process group's business: the end of standard input is.
trap '' INT
as=
if [ "$(id -u)" = 0 ]; then
    # The server refuses to run as root.
    chown postgres "$directory"
    as='setpriv --reuid postgres --regid postgres --clear-groups'
fi
cd "$directory"

start() {
    $as "$bin/postgres" -D "$directory/data" -k "$directory" -c listen_addresses= \
        >"$directory/server.log" 2>&1 &
    server=$!
    until "$bin/pg_isready" -q -h "$directory"; do
        kill -0 "$server"
        sleep 0.02
    done
}

# Without a farewell to anybody, as in a crash.
stop() {
    kill -QUIT "$server"
    wait "$server" || true
}

$as "$bin/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 --locale C --no-sync >initdb.log
start
echo "$directory"
while read -r word; do
    "$word"
    echo done
done
stop
