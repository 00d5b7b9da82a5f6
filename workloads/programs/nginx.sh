#!/bin/sh -eu
# nginx, a web server with two workers: compresses a page for each request.
#
# question: How much does the allocator matter to a server that takes its memory in pools?
# package: nginx-light apache2-utils
# needs: nginx ab
# server: sed "s/@PORT@/$PORT/" nginx.in >nginx.conf;
#   exec nginx -p "$PWD" -e stderr -c nginx.conf
# ready: port:$PORT
# load: ab -q -k -c 16 -n $((QUICK ? 4000 : 40000)) -H 'Accept-Encoding: gzip'
#   http://127.0.0.1:$PORT/page.txt >/dev/null
mkdir -p html logs
awk 'BEGIN { for (i = 0; i < 400; i++) print i, i * i % 1009, "a line of the page" }' >html/page.txt
cat >nginx.in <<'END'
daemon off;
worker_processes 2;
pid nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  default_type text/plain;
  gzip on;
  gzip_types text/plain;
  client_body_temp_path logs;
  proxy_temp_path logs;
  fastcgi_temp_path logs;
  uwsgi_temp_path logs;
  scgi_temp_path logs;
  server {
    listen 127.0.0.1:@PORT@;
    root html;
  }
}
END
chmod -R a+rX .
