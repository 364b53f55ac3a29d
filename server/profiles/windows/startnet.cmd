@echo off
rem {{ host.name }}
wpeinit
{% if not host.nic.dhcp %}
{% if not host.nic.v4 %}{{ fail("this profile needs an IPv4 address or DHCP") }}{% endif %}
netsh interface ipv4 set address name="Ethernet" static {{ host.nic.v4.address }} {{ host.nic.v4.netmask }} {{ host.nic.v4.gateway or "" }}
{% for server in host.dns if ":" not in server %}
netsh interface ipv4 add dnsservers name="Ethernet" {{ server }} validate=no
{% endfor %}
{% endif %}
:share
net use S: \\{{ host.vars["share-host"] | default("") or fail("the host needs the variables share-host and share-name: where Windows' files are") }}\{{ host.vars["share-name"] | default("") or fail("the host needs the variable share-name") }} {{ secrets["share-password"] }} /user:{{ secrets["share-user"] }}
if errorlevel 1 (
    ping -n 6 127.0.0.1 >nul
    goto share
)
S:\setup.exe /unattend:X:\Windows\System32\unattend.xml
