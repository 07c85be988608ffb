//! `docs/OPERATIONS.md` as a script: what its blocks say is run, word for word, against a vehicle in flight.
//!
//! ```text
//! lightday VERB ...           runs; frames of an uplink go up; before `ingest FILE` the vehicle's answer comes down
//! # proven: FACT: VALUE       what `lightday status` then proves begins with this
//! # at: HH:00                 the operator waits until this hour
//! # says: WORDS               the verb above says this
//! # twin: WORDS               the verb above says that the twin expects this
//! # refused: WORDS            the verb above has to fail, with these words
//! # takes: N h                from the block's first verb to this line, as the mission's clock has it
//! mv, rm, cp, mkdir           files
//! ```

use std::fs;
use std::path::Path;

use crate::common::{Ran, run_args};
use crate::craft::{self, Craft, LIGHT_S};

/// One frame of so many is lost on the way up.
const LOST_EVERY: usize = 3;
/// The vehicle's answer is worth waiting for once it has had this long, in seconds.
const SETTLE_S: u64 = 600;
const DAY_S: u64 = 86_400;

/// The lines of all shell blocks of a section of the page; with `whose`, of those alone that carry this word.
pub fn block(heading: &str, whose: Option<&str>) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/OPERATIONS.md");
    let text = fs::read_to_string(path).unwrap();
    let section = text
        .split("\n## ")
        .find(|section| section.lines().next() == Some(heading))
        .unwrap_or_else(|| panic!("docs/OPERATIONS.md has no section `{heading}`"));
    let fence = match whose {
        Some(whose) => format!("```sh {whose}\n"),
        None => "```sh\n".to_owned(),
    };
    let blocks = section.split(fence.as_str()).skip(1);
    let lines: Vec<String> = blocks
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    assert!(!lines.is_empty(), "no commands under `{heading}`");
    lines
}

/// Someone who follows the page.
pub struct Operator<'a> {
    pub root: &'a Path,
    pub craft: Craft,
    /// Unix seconds.
    pub now_s: u64,
    /// Packets that were taken in, or that nobody heard.
    heard: usize,
    /// When all that the first pass of each uplink sends is on board, in Unix seconds.
    arrived_s: u64,
    /// Verbs that ran.
    pub verbs: usize,
    /// Facts that were proven.
    pub facts: usize,
}

impl<'a> Operator<'a> {
    pub fn new(root: &'a Path, craft: Craft, now_s: u64) -> Self {
        Self {
            root,
            craft,
            now_s,
            heard: 0,
            arrived_s: now_s,
            verbs: 0,
            facts: 0,
        }
    }

    /// Runs a section of the page.
    pub fn follow(&mut self, heading: &str) {
        self.follow_as(heading, None);
    }

    /// Runs the blocks of a section that are for one of several missions.
    pub fn follow_as(&mut self, heading: &str, whose: Option<&str>) {
        let begins_s = self.now_s;
        let lines = block(heading, whose);
        let mut last: Option<(String, Ran)> = None;
        for (place, line) in lines.iter().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["#", "refused:", ..] => {
                    let says = line.split_once("refused: ").unwrap().1;
                    let (verb, ran) = last.take().unwrap();
                    assert_ne!(ran.code, 0, "{heading}: not refused: {verb}");
                    assert!(ran.err.contains(says), "{heading}: {verb}: {}", ran.err);
                }
                ["#", "at:", hour] => {
                    let hour: u64 = hour.strip_suffix(":00").unwrap().parse().unwrap();
                    let waits_s = (hour * 3600 + DAY_S - self.now_s % DAY_S) % DAY_S;
                    self.now_s += waits_s;
                }
                ["#", "says:", ..] => {
                    let says = line.split_once("says: ").unwrap().1;
                    let (verb, ran) = last.as_ref().unwrap();
                    assert!(ran.out.contains(says), "{heading}: {verb}: {}", ran.out);
                }
                ["#", "twin:", ..] => {
                    let says = line.split_once("twin: ").unwrap().1;
                    let (verb, ran) = last.as_ref().unwrap();
                    assert!(ran.err.contains(says), "{heading}: {verb}: {}", ran.err);
                }
                ["#", "proven:", ..] => {
                    let says = line.split_once("proven: ").unwrap().1;
                    let (fact, value) = says.split_once(": ").unwrap();
                    let is = self.proven(fact);
                    assert!(is.starts_with(value), "{heading}: {line}: {is}");
                    self.facts += 1;
                }
                ["#", "takes:", hours, "h"] => {
                    let took_h = (self.now_s - begins_s) as f64 / 3600.0;
                    let told: f64 = hours.parse().unwrap();
                    assert_eq!(took_h.round(), told, "{heading}: it took {took_h} h");
                }
                ["#", ..] => panic!("{heading}: a line that this test does not know: {line}"),
                ["lightday", rest @ ..] => {
                    let may_fail = lines
                        .get(place + 1)
                        .is_some_and(|l| l.starts_with("# refused: "));
                    let ran = self.lightday(rest);
                    assert!(
                        may_fail || ran.code == 0,
                        "{heading}: {line}\n{}{}",
                        ran.out,
                        ran.err
                    );
                    last = Some((line.clone(), ran));
                }
                _ => self.shell(&words),
            }
        }
    }

    /// Runs a verb at the mission's time, with what has to happen on the link before and after it.
    pub fn lightday(&mut self, words: &[&str]) -> Ran {
        if let ["ingest", file, ..] = words {
            self.hear(file);
        }
        let at = self.now_s.to_string();
        let mut args = words.to_vec();
        args.extend(["--at", &at]);
        let ran = run_args(self.root, &args);
        self.verbs += 1;
        let is_uplink = words.first() == Some(&"uplink") && ran.code == 0;
        if !is_uplink || words.contains(&"--dry-run") {
            return ran;
        }
        if words.contains(&"--unsent") {
            let of = |option: &str| words.iter().skip_while(|w| **w != option).nth(1).copied();
            let file = of("--unsent").unwrap();
            self.keep_back(
                file,
                of("--from").unwrap_or(""),
                of("--until").unwrap_or("~"),
            );
            return ran;
        }
        for line in ran.err.lines() {
            if let Some((file, from)) = line
                .strip_prefix("taken back: ")
                .and_then(|l| l.split_once(" from "))
            {
                self.keep_back(file, from.split(' ').next().unwrap(), "~");
            }
        }
        self.transmit(ran.out.lines().next().unwrap());
        ran
    }

    /// The antenna is told that frames of a file do not go up that begin from one instant on, and before another.
    fn keep_back(&mut self, file: &str, from: &str, until: &str) {
        for (start, end_ms, frame) in self.scheduled(file) {
            if from <= start.as_str() && start.as_str() < until {
                self.craft.expect_no_more(end_ms, &frame);
            }
        }
    }

    /// The frames of a file by the schedule beside it: when each begins, in words, when it ends, in Unix milliseconds,
    /// and its bytes.
    fn scheduled(&self, file: &str) -> Vec<(String, u64, Vec<u8>)> {
        let path = self.root.join(file);
        let frames = packets(&fs::read(&path).unwrap());
        let schedule = fs::read_to_string(path.with_extension("csv")).unwrap();
        let rows: Vec<&str> = schedule.lines().skip(1).collect();
        assert_eq!(frames.len(), rows.len(), "{file}");
        let frame = |(frame, row): (Vec<u8>, &str)| {
            let cells: Vec<&str> = row.split(',').collect();
            let start_ms: u64 = cells[1].parse().unwrap();
            // 100 bit/s.
            (
                cells[0].to_owned(),
                start_ms + frame.len() as u64 * 80,
                frame,
            )
        };
        frames.into_iter().zip(rows).map(frame).collect()
    }

    /// As [`Self::lightday`], for a verb that has to succeed.
    pub fn ok(&mut self, line: &str) -> Ran {
        let ran = self.lightday(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(ran.code, 0, "{line}\n{}{}", ran.out, ran.err);
        ran
    }

    /// Sends the frames of a file, by the schedule beside it; every third is lost.
    fn transmit(&mut self, file: &str) {
        let mut first_day = None;
        for (place, (start, end_ms, frame)) in self.scheduled(file).into_iter().enumerate() {
            if place % LOST_EVERY != LOST_EVERY - 1 {
                self.craft.expect(end_ms, &frame);
            }
            // The frames of later passes are there in case that the first one is lost.
            let day = start.split('T').next().unwrap().to_owned();
            if *first_day.get_or_insert_with(|| day.clone()) == day {
                self.arrived_s = self.arrived_s.max(end_ms.div_ceil(1000) + LIGHT_S);
            }
        }
    }

    /// Waits until a pass hears what the vehicle sent behind all that went up, and writes it to a file: what is
    /// sent while nobody listens is lost.
    fn hear(&mut self, file: &str) {
        let worth_s = self.arrived_s.max(self.now_s - LIGHT_S) + SETTLE_S;
        // A beacon every six hours: one of them falls into a pass within two days.
        self.craft.advance(worth_s + 2 * DAY_S);
        let in_a_pass = |sent_s: u64| (6..14).contains(&((sent_s + LIGHT_S) % DAY_S / 3600));
        let news = self.craft.sent.get(self.heard..).unwrap();
        let end = news
            .iter()
            .position(|p| p.sent_s >= worth_s && in_a_pass(p.sent_s))
            .expect("a beacon falls into a pass");
        let heard_s = news[end].sent_s + LIGHT_S;
        let mut bytes = Vec::new();
        for packet in news.iter().take(end + 1).filter(|p| in_a_pass(p.sent_s)) {
            bytes.extend(u16::try_from(packet.bytes.len()).unwrap().to_be_bytes());
            bytes.extend(&packet.bytes);
        }
        self.now_s = self.now_s.max(heard_s + 60);
        self.heard += end + 1;
        let path = self.root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Hears nothing of what the vehicle sends within a day of the arrival of all that went up.
    pub fn lose_a_day(&mut self) {
        let end_s = self.arrived_s + DAY_S;
        self.craft.advance(end_s);
        let is_lost = |packet: &craft::Packet| packet.sent_s < end_s;
        self.heard = self.craft.sent.iter().take_while(|p| is_lost(p)).count();
    }

    /// What the status proves of a fact.
    pub fn proven(&mut self, fact: &str) -> String {
        let status = self.ok("status --json").json();
        if fact == "link epoch" {
            return status["link_epoch"].to_string();
        }
        let value = &status["proven"][fact];
        assert!(value.is_string(), "no fact `{fact}`: {status}");
        value.as_str().unwrap().to_owned()
    }

    /// Whether the vehicle was in the state that the twin expected when its last report left.
    pub fn twin(&mut self) -> String {
        let status = self.ok("status --json").json();
        status["state"]["twin"].as_str().unwrap().to_owned()
    }

    fn shell(&self, words: &[&str]) {
        let path = |name: &str| self.root.join(name);
        match words {
            ["mkdir", dir] => fs::create_dir_all(path(dir)).unwrap(),
            ["rm", files @ ..] => files.iter().for_each(|f| fs::remove_file(path(f)).unwrap()),
            ["mv", from, to] => fs::rename(path(from), target(&path(to), from)).unwrap(),
            ["cp", from, to] => {
                fs::copy(path(from), target(&path(to), from)).unwrap();
            }
            _ => panic!("the page has a line that this test cannot run: {words:?}"),
        }
    }
}

/// Where a file goes that is moved into a directory, or to a new name.
fn target(to: &Path, from: &str) -> std::path::PathBuf {
    match to.is_dir() {
        true => to.join(Path::new(from).file_name().unwrap()),
        false => to.to_path_buf(),
    }
}

/// The packets of a file.
pub fn packets(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
        let (packet, rest) = rest.split_at(u16::from_be_bytes(*len).into());
        packets.push(packet.to_vec());
        bytes = rest;
    }
    packets
}
