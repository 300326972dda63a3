"""A ProvidersService whose providers a test may break and heal."""

import asyncio

from routor.v1.providers_pb2 import ListProvidersResponse, ProbeResponse, Provider
from routor.v1.providers_pb2_grpc import add_ProvidersServiceServicer_to_server
from services import rpc

TOKEN = "internal"


class FakeProviders:
    """`kinds` is what a probe of each provider finds; `slow` ones answer when `slow` is set."""

    def __init__(self, *connected):
        self.connected = list(connected)
        self.kinds = {}
        self.models = {}
        self.slow = {}
        self.probes = []
        self.probed = asyncio.Event()

    async def start(self):
        self._server = rpc.Server("127.0.0.1:0", token=TOKEN)
        name = "routor.v1.ProvidersService"
        self._server.add(add_ProvidersServiceServicer_to_server, self, name)
        await self._server.start()
        self.address = f"127.0.0.1:{self._server.port}"

    async def stop(self):
        await self._server.stop(0)

    async def ListProviders(self, _, __):
        listed = [
            Provider(id=name, connected=True, base_url=f"https://{name}.example/v1")
            for name in self.connected
        ]
        return ListProvidersResponse(providers=[*listed, Provider(id="xai", connected=False)])

    async def Probe(self, request, _):
        name = request.provider
        if name in self.slow:
            await self.slow[name].wait()
        self.probes.append(name)
        self.probed.set()
        kind = self.kinds.get(name, "")
        upstream = [] if kind else self.models.get(name, [])
        return ProbeResponse(provider=name, kind=kind, upstream_models=upstream)

    # Spending money is not health's business.
    Complete = Stream = Embed = None
