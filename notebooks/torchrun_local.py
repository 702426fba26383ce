"""torchrun for one machine: the same program, but nobody outside can connect to it.

torchrun's store, through which the workers find each other, accepts connections from everywhere,
whatever address it is given. Here it is handed a socket that is bound to 127.0.0.1. The workers
get a store of their own at every start: in torchrun's they would find the addresses of the dead.
"""

import os
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
            except OSError as error:  # another torchrun on this machine has it: join that one
                raise RuntimeError(f"port {port} is taken") from error
            port = listener.getsockname()[1]
            options["master_listen_fd"] = listener.detach()
        super().__init__(host_name, port, *arguments, is_master=is_master, **options)


torch.distributed.TCPStore = LocalStore
os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"

if __name__ == "__main__":
    from torch.distributed import run  # only now: it takes the store that it finds

    run.main()
