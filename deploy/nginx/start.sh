#!/bin/sh
# Starts nginx on its ports: with TLS if a certificate is mounted, and never without one that was asked for.
set -eu

here=/etc/nginx/bookstore
tls=/etc/nginx/tls
certificate=$tls/fullchain.pem
key=$tls/privkey.pem

fail() {
    echo "nginx: $1" >&2
    exit 1
}

readable() {
    [ -r "$1" ] || fail "$1 is missing, or user $(id -u) may not read it"
}

listen=''
if [ -n "${TLS_FOLDER:-}" ] || ! [ -x "$tls" ] || [ -e "$certificate" ] || [ -e "$key" ]; then
    readable "$certificate"
    readable "$key"
    listen=" ssl; ssl_certificate $certificate; ssl_certificate_key $key"
fi
for port in $(sed -n 's|.*include /tmp/listen-\([0-9]*\)\.conf;|\1|p' "$here/nginx.conf"); do
    echo "listen $port$listen;" >"/tmp/listen-$port.conf"
done
echo "listen $STATUS_HOST:8081;" >/tmp/listen-status.conf

# Where the names of the services are looked up, and the domain that they are in: none with Docker.
nameserver=$(sed -n 's/^nameserver  *//p' /etc/resolv.conf | head -n 1)
case $nameserver in *:*) nameserver="[$nameserver]" ;; esac
cat >/tmp/names.conf <<END
resolver $nameserver valid=1s ipv6=off;
map "" \$domain { default "${DOMAIN:+.$DOMAIN}"; }
END

exec nginx -e stderr -c "$here/nginx.conf" -g 'daemon off;'
