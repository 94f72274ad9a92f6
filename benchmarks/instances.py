"""An EC2 that answers DescribeInstances from prebuilt pages: moto needs 2.5 s for 1,000 instances, EC2 far less.

boto3 on the other side pays what it would pay in reality: an instance here has the elements of a real one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from autoscaler.adapters.ec2 import CLUSTER, GROUP, TOKEN

_RESERVATION = 10  # nodes that were launched by one call
_OPEN = '<?xml version="1.0" encoding="UTF-8"?>\n<{0}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
_DRY_RUN = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{0}</Code>'
    "<Message>{1}</Message></Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"
)
_INSTANCE = """
<item><instanceId>{id}</instanceId><imageId>ami-0abcdef1234567890</imageId>
<instanceState><code>16</code><name>running</name></instanceState>
<privateDnsName>ip-{dashed}.eu-west-1.compute.internal</privateDnsName>
<dnsName>ec2-{dashed}.eu-west-1.compute.amazonaws.com</dnsName><reason/><keyName>operations</keyName>
<amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>c7i.xlarge</instanceType>
<launchTime>{launched}</launchTime>
<placement><availabilityZone>eu-west-1a</availabilityZone><availabilityZoneId>euw1-az1</availabilityZoneId>
<groupName/><tenancy>default</tenancy></placement>
<monitoring><state>disabled</state></monitoring><subnetId>subnet-a</subnetId><vpcId>vpc-0f1e2d3c4b5a69788</vpcId>
<privateIpAddress>{ip}</privateIpAddress><ipAddress>{ip}</ipAddress><sourceDestCheck>true</sourceDestCheck>
<groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>ams-edge</groupName></item></groupSet>
<architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/sda1</rootDeviceName>
<blockDeviceMapping><item><deviceName>/dev/sda1</deviceName><ebs><volumeId>vol-{number:017x}</volumeId>
<status>attached</status><attachTime>{launched}</attachTime><deleteOnTermination>true</deleteOnTermination></ebs></item>
</blockDeviceMapping><virtualizationType>hvm</virtualizationType><clientToken>{token}</clientToken>
<tagSet>{tags}</tagSet><hypervisor>xen</hypervisor>
<networkInterfaceSet><item><networkInterfaceId>eni-{number:017x}</networkInterfaceId><subnetId>subnet-a</subnetId>
<vpcId>vpc-0f1e2d3c4b5a69788</vpcId><description/><ownerId>123456789012</ownerId><status>in-use</status>
<macAddress>02:00:0a:00:00:01</macAddress><privateIpAddress>{ip}</privateIpAddress>
<privateDnsName>ip-{dashed}.eu-west-1.compute.internal</privateDnsName><sourceDestCheck>true</sourceDestCheck>
<groupSet><item><groupId>sg-0123456789abcdef0</groupId><groupName>ams-edge</groupName></item></groupSet>
<attachment><attachmentId>eni-attach-{number:017x}</attachmentId><deviceIndex>0</deviceIndex><status>attached</status>
<attachTime>{launched}</attachTime><deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex>
</attachment><association><publicIp>{ip}</publicIp>
<publicDnsName>ec2-{dashed}.eu-west-1.compute.amazonaws.com</publicDnsName><ipOwnerId>amazon</ipOwnerId></association>
<privateIpAddressesSet><item><privateIpAddress>{ip}</privateIpAddress>
<privateDnsName>ip-{dashed}.eu-west-1.compute.internal</privateDnsName><primary>true</primary>
<association><publicIp>{ip}</publicIp><publicDnsName>ec2-{dashed}.eu-west-1.compute.amazonaws.com</publicDnsName>
<ipOwnerId>amazon</ipOwnerId></association></item></privateIpAddressesSet><ipv6AddressesSet/>
<interfaceType>interface</interfaceType><operator><managed>false</managed></operator></item></networkInterfaceSet>
<iamInstanceProfile><arn>arn:aws:iam::123456789012:instance-profile/ams-edge</arn><id>AIPA0123456789ABCDEFG</id>
</iamInstanceProfile><ebsOptimized>true</ebsOptimized><enaSupport>true</enaSupport>
<cpuOptions><coreCount>2</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>
<capacityReservationSpecification><capacityReservationPreference>open</capacityReservationPreference>
</capacityReservationSpecification><hibernationOptions><configured>false</configured></hibernationOptions>
<enclaveOptions><enabled>false</enabled></enclaveOptions>
<metadataOptions><state>applied</state><httpTokens>required</httpTokens>
<httpPutResponseHopLimit>2</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint>
<httpProtocolIpv6>disabled</httpProtocolIpv6><instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions>
<maintenanceOptions><autoRecovery>default</autoRecovery></maintenanceOptions><bootMode>uefi-preferred</bootMode>
<currentInstanceBootMode>uefi</currentInstanceBootMode><platformDetails>Linux/UNIX</platformDetails>
<usageOperation>RunInstances</usageOperation><usageOperationUpdateTime>{launched}</usageOperationUpdateTime>
<privateDnsNameOptions><hostnameType>ip-name</hostnameType><enableResourceNameDnsARecord>false
</enableResourceNameDnsARecord><enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord>
</privateDnsNameOptions><operator><managed>false</managed></operator></item>"""


def instance_id(number: int) -> str:
    """Return the id of the instance with this number."""
    return f"i-{number:017x}"


@contextmanager
def canned_ec2(ips: Sequence[str], launched_at: datetime, cluster: str, group: str) -> Iterator[str]:
    """Serve running instances of these addresses until the end of the block; yields the endpoint's URL."""
    tags = {"Name": f"{cluster}-{group}", CLUSTER: cluster, GROUP: group}
    items = [_item(number, ip, launched_at, tags) for number, ip in enumerate(ips)]
    server = _Server(("127.0.0.1", 0), _Handler)
    server.items = items
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _item(number: int, ip: str, launched_at: datetime, tags: dict[str, str]) -> str:
    token = f"launch-{number // _RESERVATION:033x}"
    template = {"aws:ec2launchtemplate:id": "lt-0a1b2c3d4e5f67890", "aws:ec2launchtemplate:version": "1"}
    pairs = {**tags, **template, TOKEN: token}
    return _INSTANCE.format(
        id=instance_id(number), ip=ip, dashed=ip.replace(".", "-"), launched=launched_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        number=number, token=token,
        tags="".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in pairs.items()),
    )  # fmt: skip


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    items: list[str]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # boto3 keeps its connection

    def do_POST(self) -> None:
        """Answer as the EC2 query protocol does."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        call = {name: values[0] for name, values in form.items()}
        if call["Action"] == "DescribeInstances":
            self._answer(200, self._page(int(call.get("NextToken", "0")), int(call.get("MaxResults", "1000"))))
        elif call["Action"] == "RunInstances" and call.get("DryRun") == "true":
            self._answer(412, _DRY_RUN.format("DryRunOperation", "Request would have succeeded, but DryRun is set."))
        else:
            self._answer(400, _DRY_RUN.format("InvalidAction", "a steady cluster has no use for " + call["Action"]))

    def _page(self, start: int, size: int) -> str:
        server = self.server
        if not isinstance(server, _Server):
            raise TypeError(server)
        page = server.items[start : start + size]
        reservations = "".join(
            f"<item><reservationId>r-{start + at:017x}</reservationId><ownerId>123456789012</ownerId><groupSet/>"
            f"<instancesSet>{''.join(page[at : at + _RESERVATION])}</instancesSet></item>"
            for at in range(0, len(page), _RESERVATION)
        )
        more = f"<nextToken>{start + size}</nextToken>" if start + size < len(server.items) else ""
        return (
            f"{_OPEN.format('DescribeInstances')}<requestId>8f7724cf-496f-496e-8fe3-example</requestId>"
            f"<reservationSet>{reservations}</reservationSet>{more}</DescribeInstancesResponse>"
        )

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/xml;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing of each request."""
