//! `lightday link`: frames leave in order and in time, what comes down is kept, and a line that breaks is named.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::{Mission, report};
use lightday_wire::serial::{self, Channel, Receiver};

/// Frames as `uplink` writes them: any packets will do, nobody opens them.
fn frames(mission: &Mission, packets: &[&[u8]]) {
    let mut file = Vec::new();
    for packet in packets {
        file.extend_from_slice(&u16::try_from(packet.len()).unwrap().to_be_bytes());
        file.extend_from_slice(packet);
    }
    fs::write(mission.path("a.frames"), file).unwrap();
}

/// A vehicle at the other end of a socket.
fn vehicle<T: Send + 'static>(
    mission: &Mission,
    life: impl FnOnce(UnixStream) -> T + Send + 'static,
) -> JoinHandle<T> {
    let listener = UnixListener::bind(mission.path("v.sock")).unwrap();
    thread::spawn(move || life(listener.accept().unwrap().0))
}

/// Hears so many packets, and when each came.
fn hear(socket: &mut UnixStream, packets: usize) -> Vec<(Vec<u8>, Instant)> {
    let mut receiver = Receiver::new();
    let mut heard = Vec::new();
    let mut byte = [0];
    while heard.len() < packets && socket.read(&mut byte).unwrap() == 1 {
        if let Some((Channel::Packet, packet)) = receiver.push(byte[0]) {
            heard.push((packet.to_vec(), Instant::now()));
        }
    }
    heard
}

fn say(socket: &mut UnixStream, channel: Channel, payload: &[u8]) {
    let mut line = [0; serial::MAX_ENCODED];
    let len = serial::encode(channel, payload, &mut line).unwrap();
    socket.write_all(&line[..len]).unwrap();
}

#[test]
fn frames_go_up_at_the_pace_of_the_link_and_a_report_comes_down_for_ingest() {
    let mission = Mission::new("link-flow");
    let packet = report(&mission, 1, |_| ());
    let (first, second) = ([7; 25], [0; 50]);
    frames(&mission, &[&first, &second]);
    let down = packet.clone();
    let vehicle = vehicle(&mission, move |mut socket| {
        let heard = hear(&mut socket, 2);
        say(&mut socket, Channel::Text, b"hello \x1b[2J ground");
        say(&mut socket, Channel::Packet, &down);
        // It stays on until the ground has had enough.
        let _ = socket.read(&mut [0]);
        heard
    });
    // 25 B take 2 s at 100 bit/s, and 0.2 s ten times faster.
    let ran = mission.ok("link a.frames --uart unix:v.sock --heard h.packets --speed 10 --listen 20s --packets 1 --json");
    let heard = vehicle.join().unwrap();
    assert_eq!(heard[0].0, first);
    assert_eq!(heard[1].0, second);
    assert!(heard[1].1 - heard[0].1 >= Duration::from_millis(150));
    assert!(ran.err.contains("vehicle: hello [2J ground"), "{}", ran.err);
    let value = ran.json();
    common::page::Page::read().holds("link", std::slice::from_ref(&value), &[]);
    assert_eq!(
        (&value["frames"], &value["packets"]),
        (&2.into(), &1.into())
    );
    assert!(value["seconds"].as_f64().unwrap() >= 0.6);
    mission.ok("ingest h.packets");
    let status = mission.ok("status --json").json();
    assert_eq!(status["proven"]["report"], "1");
    // What was heard is never overwritten.
    mission.fails("link --uart unix:v.sock --heard h.packets", 8, "h.packets");
}

#[test]
fn a_line_that_breaks_is_named_and_what_was_heard_is_kept() {
    let mission = Mission::new("link-cut");
    let packet = report(&mission, 1, |_| ());
    frames(&mission, &[&[1; 30], &[2; 30], &[3; 30]]);
    let vehicle = vehicle(&mission, move |mut socket| {
        hear(&mut socket, 1);
        say(&mut socket, Channel::Packet, &packet);
    });
    let says = mission.fails(
        "link a.frames --uart unix:v.sock --heard h.packets --speed 5",
        8,
        "closed at its other end, after 1 of 3 frames",
    );
    vehicle.join().unwrap();
    assert!(
        says.contains("hint: what was heard until then is in h.packets"),
        "{says}"
    );
    mission.ok("ingest h.packets");
    assert_eq!(mission.ok("status --json").json()["proven"]["report"], "1");
}

#[test]
fn what_cannot_be_reached_and_what_is_no_line_or_no_frames_is_said() {
    let mission = Mission::new("link-bad");
    frames(&mission, &[&[1; 30]]);
    mission.fails(
        "link a.frames --uart unix:nobody.sock --heard h.packets",
        8,
        "start the emulator",
    );
    assert!(
        !mission.path("h.packets").exists(),
        "nothing was heard, so that nothing is written"
    );
    mission.fails(
        "link a.frames --uart nobody --heard h.packets",
        2,
        "write unix:PATH",
    );
    mission.fails(
        "link missing.frames --uart unix:v.sock --heard h.packets",
        3,
        "missing.frames",
    );
    fs::write(mission.path("b.frames"), [0, 9, 1]).unwrap();
    mission.fails(
        "link b.frames --uart unix:v.sock --heard h.packets",
        3,
        "the packet is cut short",
    );
    let plan = mission.ok("link a.frames --uart unix:v.sock --heard h.packets --dry-run");
    assert!(plan.out.contains("1 frame in 2.4 s"), "{}", plan.out);
}

#[test]
fn a_socket_that_does_not_listen_yet_is_waited_for() {
    let mission = Mission::new("link-early");
    frames(&mission, &[&[7; 30]]);
    let path = mission.path("v.sock");
    // Nobody listens behind the name of a socket that is closed.
    drop(UnixListener::bind(&path).unwrap());
    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        fs::remove_file(&path).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        let mut socket = listener.accept().unwrap().0;
        (hear(&mut socket, 1), socket)
    });
    mission.ok("link a.frames --uart unix:v.sock --heard h.packets --speed 1000 --listen 1s");
    let (heard, _open) = late.join().unwrap();
    assert_eq!(heard[0].0, [7; 30]);
}
