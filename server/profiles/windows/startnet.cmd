@echo off
rem {{ host.name }}
wpeinit
{% if not host.nic.dhcp %}
{% if not host.nic.v4 %}{{ fail("this profile needs an IPv4 address or DHCP") }}{% endif %}
set nic=Ethernet
{% if host.nics | length > 1 %}
rem Of several cards, the one with this address; its number serves as a name, too.
for /f "tokens=2 delims==" %%a in ('wmic nic where "MACAddress='{{ host.nic.mac | upper }}'" get InterfaceIndex /value') do for /f %%b in ("%%a") do set nic=%%b
{% endif %}
netsh interface ipv4 set address name="%nic%" static {{ host.nic.v4.address }} {{ host.nic.v4.netmask }} {{ host.nic.v4.gateway or "" }}
{% for server in host.dns if ":" not in server %}
netsh interface ipv4 add dnsservers name="%nic%" {{ server }} validate=no
{% endfor %}
{% endif %}
:share
net use S: \\{{ host.vars["share-host"] | default("") or fail("the host needs the variables share-host and share-name: where Windows' files are") }}\{{ host.vars["share-name"] | default("") or fail("the host needs the variable share-name") }} {{ secrets["share-password"] }} /user:{{ secrets["share-user"] }}
if errorlevel 1 (
    ping -n 6 127.0.0.1 >nul
    goto share
)
S:\setup.exe /unattend:X:\Windows\System32\unattend.xml
