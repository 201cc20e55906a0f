#!/usr/bin/env bash
# Runs nginx with FOLDER/nginx.conf, in front of a program that answers what it was asked for and by which connection, and
# checks what arrives there: scripts/test-nginx.sh FOLDER. Everything listens on sockets in FOLDER.
set -euo pipefail

folder=${1:?in which folder is nginx.conf?}
rm -f "$folder"/program "$folder"/nginx-*
python3 - "$folder/program" <<'PYTHON' &
import http.server, socketserver, sys

class Program(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = self.headers.get("upgrade"), self.headers.get("connection")
        body = f"{self.path} {asked[0]} {asked[1]}\n".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

socketserver.ThreadingUnixStreamServer(sys.argv[1], Program).serve_forever()
PYTHON
program=$!
nginx -c "$folder/nginx.conf" -g 'daemon off;' &
nginx=$!
trap 'kill "$program" "$nginx" 2>/dev/null || true' EXIT
for _ in {1..50}; do
    [[ ! -S $folder/program || ! -S $folder/nginx-443 ]] || break
    sleep 0.1
done

# arrives PATH WHAT FLAGS…: whether the program is asked for PATH with these headers Upgrade and Connection.
arrives() {
    local answer
    answer=$(curl -sS --fail --insecure --http1.1 --unix-socket "$folder/nginx-443" "${@:3}" "https://rotator.example.com$1")
    [[ $answer == "$1 $2" ]] || { echo "$1: $answer, not $2" && exit 1; }
}
for path in /llm/openai/v1/realtime '/llm/gemini/ws/google.ai.GenerativeService.BidiGenerateContent?key=pk' /proxy/x/socket /proxy/x/news; do
    arrives "$path" "websocket upgrade" -H 'Connection: Upgrade' -H 'Upgrade: websocket'
    arrives "$path" "None None" -H 'Connection: keep-alive'
done
code=$(curl -sS --output /dev/null --write-out '%{http_code}' --insecure --unix-socket "$folder/nginx-443" https://rotator.example.com/metrics)
[[ $code == 404 ]] || { echo "/metrics answers $code" && exit 1; }
