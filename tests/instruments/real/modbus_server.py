"""A Modbus server that plays a small furnace: python modbus_server.py PORT."""

import asyncio
import sys

from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

FLOAT = ModbusTcpClient.DATATYPE.FLOAT32
HOLDING, INPUT = 3, 4


async def main(port: int) -> None:
    registers = [[SimData(0, count=50, values=0, datatype=DataType.REGISTERS)] for _ in range(2)]
    bits = [[SimData(0, count=16, values=True, datatype=DataType.BITS)] for _ in range(2)]
    device = SimDevice(1, simdata=(*bits, *registers))
    server = ModbusTcpServer(device, address=("127.0.0.1", port))
    serving = asyncio.create_task(server.serve_forever())
    kelvin, n = 300.0, 0
    while not serving.done():
        n += 1
        power = (await server.async_getValues(1, HOLDING, 10, 1))[0] / 1000
        kelvin += (300 + 650 * power - kelvin) * 0.05 / 60
        noise = 0.1 * (n % 7 - 3)
        await server.async_setValues(1, INPUT, 0, ModbusTcpClient.convert_to_registers(kelvin + noise, FLOAT))
        await server.async_setValues(1, INPUT, 4, [n & 0xFFFF])
        if n == 3:
            print("ready", flush=True)
        await asyncio.sleep(0.05)


asyncio.run(main(int(sys.argv[1])))
