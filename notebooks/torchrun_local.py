"""torchrun for one machine: nobody outside can connect to it.

torchrun's store, through which the workers find each other, accepts connections
from everywhere, whatever address it is given. Here it is handed a socket that
is bound to 127.0.0.1.
"""

import socket

import torch.distributed


class LocalStore(torch.distributed.TCPStore):
    """A store that accepts connections from this machine only."""

    def __init__(
        self,
        host_name: str,
        port: int,
        *arguments: object,
        is_master: bool = False,
        **options: object,
    ) -> None:
        if is_master:
            try:
                listener = socket.create_server(("127.0.0.1", port))
            except OSError as error:  # another torchrun has it: join that one
                raise RuntimeError(f"port {port} is taken") from error
            port = listener.getsockname()[1]
            options["master_listen_fd"] = listener.detach()
        options["is_master"] = is_master
        super().__init__(host_name, port, *arguments, **options)


torch.distributed.TCPStore = LocalStore

if __name__ == "__main__":
    import torch.distributed.run as torchrun  # it takes the store that it finds

    torchrun.main()
