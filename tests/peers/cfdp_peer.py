#!/usr/bin/env python3
"""Lets `cfdp-py` deliver small files in class 2 with deferred NAKs, loses some of its PDUs, and writes what its sender
sends, round by round, as JSON: the model of `lightday study delivery` is held against it.

    python3 -m venv V && V/bin/pip install cfdp-py==0.7.0 'fastcrc<0.4'
    V/bin/python tests/peers/cfdp_peer.py > tests/tests/cfdp_peer/rounds.json

A round is all that the sender sends before it hears the receiver, or has waited for it in vain. Nothing of what the
receiver sends is lost. Timers are short, and waited for.
"""
import json, sys, tempfile, time
from datetime import timedelta
from pathlib import Path

from cfdppy import CfdpUserBase, LocalEntityConfig, PutRequest, RemoteEntityConfig, RemoteEntityConfigTable
from cfdppy.handler import DestHandler, SourceHandler
from cfdppy.mib import CheckTimerProvider, DefaultFaultHandlerBase, IndicationConfig
from spacepackets.cfdp import ChecksumType, DirectiveType, TransmissionMode
from spacepackets.cfdp.defs import ConditionCode
from spacepackets.cfdp.pdu.helper import PduFactory
from spacepackets.countdown import Countdown
from spacepackets.seqcount import SeqCountProvider
from spacepackets.util import ByteFieldU16

SEGMENT = 64
TIMER_S = 0.05
SOURCE, DEST = ByteFieldU16(1), ByteFieldU16(2)

# Segments, and what is lost: the round, counted from 1, and the PDU. Lost metadata are not among them: this receiver
# keeps no segment that comes before, asks for all of them, and does not finish.
CASES = [
    ("nothing is lost", 4, []),
    ("two segments", 6, [(1, "segment 1"), (1, "segment 4")]),
    ("a segment, and its retransmission", 5, [(1, "segment 2"), (2, "segment 2")]),
    ("the last segment", 5, [(1, "segment 4")]),
    ("the EOF", 4, [(1, "eof")]),
    ("the EOF and a segment", 5, [(1, "segment 3"), (1, "eof")]),
    ("the EOF twice, and a segment", 3, [(1, "segment 0"), (1, "eof"), (2, "eof")]),
    ("all segments", 3, [(1, "segment 0"), (1, "segment 1"), (1, "segment 2")]),
]


class Faults(DefaultFaultHandlerBase):
    def notice_of_suspension_cb(self, transaction_id, cond, progress):
        raise RuntimeError(f"suspended: {cond}")

    def notice_of_cancellation_cb(self, transaction_id, cond, progress):
        raise RuntimeError(f"cancelled: {cond}")

    def abandoned_cb(self, transaction_id, cond, progress):
        raise RuntimeError(f"abandoned: {cond}")

    def ignore_cb(self, transaction_id, cond, progress):
        pass


class User(CfdpUserBase):
    finished = False

    def transaction_finished_indication(self, params):
        self.finished = params.finished_params.condition_code == ConditionCode.NO_ERROR

    def _nothing(self, *_args, **_kwargs):
        pass

    transaction_indication = eof_sent_indication = metadata_recv_indication = _nothing
    file_segment_recv_indication = report_indication = suspended_indication = _nothing
    resumed_indication = fault_indication = abandoned_indication = eof_recv_indication = _nothing


class Timers(CheckTimerProvider):
    def provide_check_timer(self, local_entity_id, remote_entity_id, entity_type):
        return Countdown(timedelta(seconds=10))


def local(entity):
    return LocalEntityConfig(entity, IndicationConfig(), Faults())


def remote(entity):
    return RemoteEntityConfig(
        entity_id=entity, max_file_segment_len=SEGMENT, max_packet_len=1024, closure_requested=False,
        crc_on_transmission=False, default_transmission_mode=TransmissionMode.ACKNOWLEDGED,
        crc_type=ChecksumType.CRC_32, positive_ack_timer_interval_seconds=TIMER_S,
        positive_ack_timer_expiration_limit=100, immediate_nak_mode=False,
        nak_timer_interval_seconds=TIMER_S, nak_timer_expiration_limit=100)


def name(holder):
    if holder.is_file_directive:
        return {DirectiveType.METADATA_PDU: "metadata", DirectiveType.EOF_PDU: "eof"}.get(
            holder.pdu_directive_type)
    return f"segment {holder.to_file_data_pdu().offset // SEGMENT}"


def taken(handler):
    """What lies ready, as its name and its bytes."""
    out = []
    while handler.packets_ready:
        holder = handler.get_next_packet()
        out.append((name(holder), bytes(holder.pack())))
    return out


def pump(handler):
    """All PDUs that a handler has to send by itself."""
    out = []
    while True:
        handler.state_machine()
        if not handler.packets_ready:
            return out
        out += taken(handler)


def insert(handler, raw):
    """Hands a PDU over as the link does: as bytes."""
    handler.state_machine(PduFactory.from_raw(raw))
    return taken(handler)


def run(segments, lost, folder):
    source_file, dest_file = Path(folder) / "source", Path(folder) / "dest"
    content = bytes(i * 37 % 251 for i in range(segments * SEGMENT))
    source_file.write_bytes(content)
    receiver = User()
    table = RemoteEntityConfigTable([remote(SOURCE)])
    table.add_config(remote(DEST))
    source = SourceHandler(local(SOURCE), User(), table, Timers(), SeqCountProvider(16))
    dest = DestHandler(local(DEST), receiver, table, Timers())
    source.put_request(PutRequest(DEST, source_file, dest_file, TransmissionMode.ACKNOWLEDGED, False))
    rounds, answers = [], []
    for _ in range(200):
        sent = [pdu for _, raw in answers for pdu in insert(source, raw)] + pump(source)
        named = [(what, raw) for what, raw in sent if what]
        if named:
            rounds.append([what for what, _ in named])
        answers = []
        for what, raw in named:
            if (len(rounds), what) not in lost:
                answers += insert(dest, raw)
        answers += pump(dest)
        if receiver.finished:
            assert dest_file.read_bytes() == content
            return rounds
        if not answers:
            # Nothing is on its way: whoever waits for an answer has waited long enough.
            time.sleep(TIMER_S * 1.5)
            answers = pump(dest)
    raise RuntimeError(f"not finished: {rounds}")


def main():
    cases = []
    for what, segments, lost in CASES:
        with tempfile.TemporaryDirectory() as folder:
            rounds = run(segments, lost, folder)
        cases.append({"name": what, "segments": segments, "lost": [[r, n] for r, n in lost], "rounds": rounds})
    json.dump({"peer": "cfdp-py 0.7.0", "cases": cases}, sys.stdout, indent=1)
    print()


main()
