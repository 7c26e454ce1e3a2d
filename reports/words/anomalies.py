"""Anomalies: the words for each one: a headline, the rule that it breaks, what usually causes it and the usual fix.

Templates may use the fields of a finding: ``{where}``, ``{event}`` ("event 3", or "an event" where there is no position),
``{position}``, ``{expected}``, ``{actual}``, ``{what}`` (what is wrong: the reason for a refusal that did not come, else what was found),
``{judge}`` (the property), ``{place}`` (" for index at position 3", as much of it as is known).
"""

from __future__ import annotations

import attrs

from refold.properties.property import Finding


@attrs.frozen
class Anomaly:
    """`headline`: what happened, in one line. `rule`: what should have been. `contrast`: expected against actual. `usual`: cause and fix.
    `unit`: what expected and actual count, where they are numbers."""

    headline: str
    rule: str
    contrast: str = "expected {expected}, found {actual}"
    usual: str = ""
    unit: str = "{}"


ANOMALIES: dict[str, Anomaly] = {
    "phantom-event": Anomaly(
        "{event} is in stream {where}, but no client ever appended it",
        "every event in the log was appended by a client",
        usual="a read fabricates an entry at a bound (position 0, an empty page); check the bounds of reads",
    ),
    "refused-append-visible": Anomaly(
        "an append to {where} was refused, but it is in the log all the same",
        "a refused or rolled-back append leaves no trace",
        usual="the check and the write are not one atomic step, or a failed write is not undone; use one transaction for both",
    ),
    "partial-batch": Anomaly(
        "of the {expected} events of one append to {where}, only {actual} became visible",
        "all events of an append become visible together, or none",
        "{expected} events were asked for in one step, {actual} became visible",
        "events are written one by one, and a crash or a reader comes in between; use one transaction, or a commit marker that "
        "readers respect",
        unit="events: {}",
    ),
    "event-altered": Anomaly(
        "{event} of {where} is not what was appended",
        "readers get an event exactly as its writer appended it: with the same stream, type and payload",
        usual="an encoder or decoder loses, truncates or mixes up fields, all events of a batch share one buffer, or stream names are "
        "spelled in different ways; read back what was written and compare",
    ),
    "duplicate-append": Anomaly(
        "one append to {where} is stored twice",
        "an append has at most one effect, however often it is sent",
        usual="a client retried after a lost answer; keep the event ids across retries, and let the log recognise them",
    ),
    "double-effect-of-retry": Anomaly(
        "a retry made one append to {where} happen twice",
        "an append has at most one effect, however often it is sent",
        usual="a client retried after a lost answer; keep the event ids across retries, and let the log recognise them",
    ),
    "write-skew": Anomaly(
        "two decisions on {where}, each right by itself, contradict each other",
        "decisions that share an invariant are made one after the other",
        usual="an expected version protects one stream, but the invariant spans several; put everything it spans into one stream, or "
        "lock it",
    ),
    "lost-update": Anomaly(
        "a decision on {where} was accepted although its condition no longer held",
        "a conditional append happens only if its condition holds just before its own place in the log",
        usual="the expected version is not sent, or is not checked in the same step as the write; append with the version that the "
        "decision has read",
    ),
    "condition-ignored": Anomaly(
        "an append to {where} was accepted although its condition over tags no longer held",
        "an append with a condition over tags happens only if no matching event was appended after the read that it was decided on",
        "it required {expected}, and there was {actual}",
        "the condition is checked on a stale view, before the step that writes, or for only one of several tags; check for all its "
        "types and tags after the position that was read, in the same transaction as the write",
    ),
    "false-conflict": Anomaly(
        "an append to {where} was refused although nothing was in its way",
        "a refusal needs a real conflict",
        usual="the version of another stream, or a stale one, was compared; compare with the stream's own newest version",
    ),
    "conflict-names-wrong-version": Anomaly(
        "an append to {where} was rightly refused, but the refusal names a version that the stream never had in the meantime",
        "a refusal names the version that its check found",
        usual="one place counts versions from 0 and another from 1, or the version comes from a cache, and a client that retries with "
        "it overwrites what it has not seen; answer with the version that the check itself has read",
    ),
    "duplicate-create": Anomaly(
        "{where} got a second copy of something that may exist only once",
        "what exists already cannot be created again",
        usual="uniqueness was checked in a view that lags behind; claim the name with an append that expects no stream, or with "
        "the version that was read",
    ),
    "oversold": Anomaly(
        "two decisions on one view broke an invariant of {where}: {what}",
        "a decision is valid for the state just before its own place in the log",
        usual="two decisions were made on the same state, and both were appended; append with the version that the decision has read",
    ),
    "invariant-broken": Anomaly(
        "{where} got into a state that its invariant forbids: {actual}",
        "no event may lead to a state that the invariant forbids",
        usual="a decision on stale state, or a decider that allows too much",
    ),
    "visible-below-read-position": Anomaly(
        "{event} appeared at a position that readers had already passed",
        "nothing becomes visible below a position that was readable before",
        usual="positions are assigned at insert and become visible at commit; let readers stop below the lowest open position",
    ),
    "duplicate-position": Anomaly(
        "two events stand at position {position} of the log",
        "a position belongs to one event",
        usual="positions are counted per writer or per table; use one counter for the whole log",
    ),
    "duplicate-version": Anomaly(
        "two events of stream {where} have version {actual}",
        "the versions of a stream are 1, 2, 3, …, each one once",
        usual="the version is read and then written in two steps; put a unique key on stream and version",
        unit="version {}",
    ),
    "version-gap": Anomaly(
        "stream {where} jumps to version {actual} where version {expected} should come",
        "the versions of a stream are 1, 2, 3, …, without gaps",
        usual="an earlier event of the stream was numbered and then lost: a write or an fsync failed unnoticed, or a failed save "
        "discarded it; number events in the step that stores them, and after a failed write or fsync stop and recover from disk",
        unit="version {}",
    ),
    "scan-out-of-order": Anomaly(
        "a read of the whole log returned position {position} out of order",
        "the log is read in the order of its positions",
        usual="a query has no ORDER BY; order by position",
    ),
    "acknowledged-append-lost": Anomaly(
        "the log has lost {event} of {where}, which it had already confirmed or shown",
        "what the log has acknowledged or shown is in every later read",
        usual="the answer is sent before the data is synced to disk, or although the sync failed, or recovery gives up at a torn "
        "record; sync before the answer, and cut off a torn record before the next append is written after it",
    ),
    "log-does-not-recover": Anomaly(
        "{where} did not come back after a fault, and {expected} is gone",
        "a log that was killed, lost power or had a disk failure starts again and can be read",
        "expected {expected}; it said: {actual}",
        "files are written in place, or are half written when the process dies, and the start gives up on what it cannot read; write "
        "to a temporary file and rename it, add checksums, and cut off a torn end",
    ),
    "read-out-of-order": Anomaly(
        "one read gave {where} events out of the order of their positions",
        "a read returns events in the order of their positions",
        "in order they are {expected}, they came as {actual}",
        "a query has no ORDER BY, so its order depends on the plan; order by position",
    ),
    "range-differs": Anomaly(
        "a read between bounds did not return what lies between them",
        "a read returns the first events between its bounds, as many as the limit allows, and nothing else",
        "between the bounds are {expected}, it returned {actual}",
        "an index of -1, a limit of 0 that means no limit, or a bound that is off by one; check the bounds of reads",
    ),
    "phantom-entry": Anomaly(
        "a read returned {event}, which is not between its bounds",
        "a read returns the first events between its bounds, as many as the limit allows, and nothing else",
        "between the bounds are {expected}, it returned {actual}",
        "an index of -1, or a fabricated first entry; check the bounds of reads",
    ),
    "never-becomes-visible": Anomaly(
        "everything is at rest, and stream {where} holds events that readers of the whole log never get to see",
        "what the log has accepted becomes visible to its readers",
        usual="readers wait at a gap that nobody fills, or for a transaction that never ends; skip gaps that are proven dead, and "
        "bound the wait",
    ),
    "stream-misses-events": Anomaly(
        "a read of stream {where} does not return all events that readers of the whole log have seen of it",
        "a stream is the events of the log that belong to it",
        "the log shows {expected} of its events, the stream {actual}",
        "an index of streams is written separately from the log, or a bound is off by one; update the index in the transaction of the "
        "append",
    ),
    "answer-misses-events": Anomaly(
        "the answer to an append to {where} names positions that are not those of its events",
        "an answer names the position of every event of its append",
        "expected {expected}, found {actual}",
        "the retry of a batch is answered with the position of its first event only; store the answer with the batch",
    ),
    "acknowledged-elsewhere": Anomaly(
        "the answer to an append says that its event is at position {position}, but it is not there",
        "an answer names the positions at which the events of its append are stored",
        usual="positions are computed instead of read back, or answers are returned in the wrong order; return what was stored",
    ),
    "view-is-no-replay": Anomaly(
        "a decision on {where} rests on a state that is not the replay of its events",
        "the view that a decision reads is the fold of the stream",
        "the replay leads to {expected}, the decision was {actual}",
        "a declined command has changed an aggregate in memory; decide and apply first, then change the version",
    ),
    "decided-on-unsaved-events": Anomaly(
        "a decision on {where} rests on events that the log does not have",
        "the view that a decision reads is the fold of the stream",
        "the replay leads to {expected}, the decision was {actual}",
        "new events leave the list of uncommitted ones before the save succeeds; clear it after the save, and discard the "
        "aggregate on failure",
    ),
    "overtaken-event-dropped": Anomaly(
        "{where} dismissed {event} as a duplicate, because a later one had come first",
        "every event is applied, after its predecessors",
        usual="events are read or delivered out of order, and a high-water mark treats late events as old ones; order by position",
    ),
    "writers-interleave": Anomaly(
        "{where} appended an event to an entity that another writer had changed since",
        "the events of an entity come from one writer at a time, and each one follows all events before it",
        "the next event is number {expected}, it wrote number {actual}",
        "two instances of one entity are alive; fence the old one off by its epoch",
    ),
    "old-writer-accepted": Anomaly(
        "{where} appended an event after another writer had taken over",
        "the events of an entity come from one writer at a time",
        usual="the journal does not check who writes; fence the old writer off by its epoch",
    ),
    "took-over-without-replay": Anomaly(
        "{where} took an entity over without all of its events",
        "a new writer begins with the replay of the whole journal",
        "the journal holds {expected} events, it began with {actual}",
        "the replay reads from a follower that is behind, or stops early; replay to the end of the journal",
    ),
    "epoch-reused": Anomaly(
        "{where} took an entity over in an epoch that is not new",
        "each takeover begins an epoch that is newer than all earlier ones",
        usual="the epoch is counted in a node's own memory, or read from a follower; take it from one counter, in the step of the takeover",
    ),
    "two-writers-of-one-epoch": Anomaly(
        "{where} appended an event in an epoch that belongs to another node",
        "an epoch has one writer",
        usual="two nodes were given the same epoch, or a node writes under an epoch that it has read; compare the node as well as the "
        "epoch",
    ),
    "unknown-writer-accepted": Anomaly(
        "{where} appended an event in an epoch that nobody took",
        "only a writer that has taken the entity over appends its events",
        usual="the journal refuses old epochs and accepts all others; accept only the epoch of the last takeover",
    ),
    "absent-key-deleted": Anomaly(
        "{where} was deleted although it did not exist",
        "creations and deletions of a key alternate",
        usual="the deletion does not check whether the key exists, or two clients delete the same entry; make the deletion conditional "
        "on the revision",
    ),
    "revision-goes-back": Anomaly(
        "the revision of {where} did not grow",
        "the highest revision of a key survives its deletion",
        usual="the counter is kept with the entry and deleted with it; keep a tombstone with the revision",
    ),
    "position-gap": Anomaly(
        "{where} skipped a position",
        "positions of this log have no gaps",
    ),
    "removal-takes-more": Anomaly(
        "a removal has taken more of {where} than it names",
        "a removal takes what it names, nothing from other streams and nothing newer",
        usual="a bound is off by one, or streams are found by a prefix of their name (LIKE 'lear%'); compare whole names, and "
        "include the bound on one side only",
    ),
    "read-stops-at-removed": Anomaly(
        "a read of the log that begins before the removed events does not reach the events that are left",
        "a read that begins before removed events continues with the first event that is left",
        usual="a reader expects the next position, and ends or waits at a gap; ask for all positions greater than the last one, in "
        "order",
    ),
    "removed-event-returns": Anomaly(
        "{event} of {where} was removed, but a later read shows it",
        "a removed event is in no later read of the log or of its stream",
        usual="there are two ways to read, and one of them (an index, a cache, a copy) does not know about the removal, or a bound is "
        "off by one; remove the event from every copy, and check the bounds",
    ),
    "removal-undone": Anomaly(
        "{event} of {where} was removed, and came back after the log had died",
        "what was removed stays removed after a crash and a loss of power",
        usual="the removal is kept in memory, or is written but not synced before the answer; make it as durable as an append, or do "
        "not declare `durable-removal`",
    ),
    "position-used-again": Anomaly(
        "position {position} belonged to an event that was removed, and was given to another one",
        "a position is assigned only once, even if its event is removed",
        usual="the next position is the greatest stored one plus one; keep the counter separate from the events (AUTOINCREMENT, a "
        "sequence)",
    ),
    "version-used-again": Anomaly(
        "an event of stream {where} has version {actual}, which belonged to an earlier event that may have been removed",
        "the versions of a stream continue after a removal",
        usual="the version is the number of stored events, or the greatest stored version, plus one; keep the version of a stream "
        "separate from its events",
    ),
    "trimmed-message-skipped": Anomaly(
        "retention removed messages that {where} had not read, and {where} went on without noticing",
        "a consumer notices when messages are missing",
        usual="retention does not know about its readers; compare the next position with the expected one, fail on a gap, and fetch a "
        "full copy",
    ),
    "recovered-state-partial": Anomaly(
        "{where} recovered only a part of its state",
        "a snapshot and the messages after it give the state of a full replay",
        usual="messages between the snapshot and the beginning of the log were removed; use a snapshot only if the log reaches it",
    ),
    "checkpoint-ahead-of-log": Anomaly(
        "{where} keeps its position from an old epoch of the log, which was restored or cut in the meantime",
        "a position means nothing outside its own epoch of the log",
        usual="the log was restored or cut; keep the epoch in the checkpoint, and rebuild when it changes",
    ),
    "effect-applied-twice": Anomaly(
        "{where} applied {event} a second time, and its rows changed again",
        "every event changes the rows of a consumer once",
        "the rows should have stayed {expected}, and became {actual}",
        "effect and checkpoint are saved in two steps and a crash came in between, or a worker continued to write after another one "
        "had taken over its partition; save both in one transaction, or keep the position with the rows, and let the store refuse a "
        "worker that no longer owns the partition",
    ),
    "applied-out-of-order": Anomaly(
        "{where} applied {event} before an earlier event of the same stream",
        "a consumer applies the events of a stream in order",
        usual="a retry or a parallel worker let a later event overtake an earlier one; hold later events back until the earlier one is "
        "done",
    ),
    "unknown-event-applied": Anomaly(
        "{where} applied {event}, which is not in the log",
        "a consumer applies only what is in the log",
        usual="an event was delivered before it was durable, and then lost; publish from the log alone",
    ),
    "dropped-as-duplicate": Anomaly(
        "{where} took {event} for a duplicate, and has never applied it",
        "only an event that was applied may be dismissed as a duplicate",
        usual="a dedupe table is shared between consumers, or compares something that is not unique; key it by consumer and event id",
    ),
    "checkpoint-ahead-of-effects": Anomaly(
        "the checkpoint of {where} is at {actual}, its effects end at {expected}: a crash now loses what lies between",
        "a checkpoint covers only events whose effects are stored",
        "the effects end at position {expected}, the checkpoint says {actual}",
        "the checkpoint is saved before the effect, or parallel workers save the highest of their positions; save the "
        "checkpoint after the effect, or together with it",
        unit="position {}",
    ),
    "checkpoint-beyond-tail": Anomaly(
        "the checkpoint of {where} is at {actual}, where the log has nothing",
        "a checkpoint is never beyond the end of the log",
        "the effects end at position {expected}, the checkpoint says {actual}",
        "the log lost its tail and the consumer did not notice; keep the log's epoch in the checkpoint",
        unit="position {}",
    ),
    "checkpoint-goes-back": Anomaly(
        "the checkpoint of {where} went back from {expected} to {actual}",
        "a checkpoint only moves forward",
        "position {expected} was saved, then {actual}",
        "a second worker, or a redelivered event, writes its own position; save only greater positions",
        unit="position {}",
    ),
    "snapshot-ahead-of-log": Anomaly(
        "the snapshot of {where} at {position} contains something that is not in the log",
        "a snapshot holds only what is in the log",
        usual="the snapshot was taken before the append was accepted; take it after the log's answer",
    ),
    "snapshot-never-taken": Anomaly(
        "a snapshot of {where} at {position} was loaded, but nobody had taken one",
        "only snapshots that were taken are loaded",
        "expected {expected}, one at {actual} was loaded",
        "snapshots are kept under names that others use too, or the position is stored separately from the state; save both as one "
        "value under the owner's full name",
    ),
    "snapshot-changed": Anomaly(
        "the snapshot of {where} at {position} is not what was saved",
        "a snapshot never changes once taken",
        "{expected} was saved, {actual} came back",
        "the snapshot shares mutable state with the live object; copy or serialise it",
    ),
    "snapshot-under-other-schema": Anomaly(
        "the snapshot of {where} at {position} is labelled with schema {actual}, but code of schema {expected} took it",
        "a snapshot is filed under the schema of the code that took it",
        "expected schema {expected}, found {actual}",
        "the schema number is written by hand, or is read at a different time than the state; take both from the running code",
    ),
    "snapshot-differs": Anomaly(
        "the snapshot of {where} at {position} differs from the replay up to there",
        "a snapshot equals the replay of the log up to its position",
        "the replay gives {expected}, the snapshot holds {actual}",
        "the version of the snapshot is off by one; file it under the position of the last event in it",
    ),
    "finished-process-returns": Anomaly(
        "process {where} had ended and came back from a snapshot",
        "a process that has ended leaves nothing that a restart could load",
        "{expected}; {actual} was loaded",
        "only the process was removed, not its snapshot; delete it in the store",
    ),
    "rebuild-misses-events": Anomaly(
        "the rebuilt tables of {where} lack {event}, although their position says that they contain it",
        "rebuilt tables are swapped in at the position that they stand for",
        "the replay gives {expected}, the tables hold {actual}",
        "live consumption continued during the rebuild; catch up under a lock, or swap shadow tables in at the same position",
    ),
    "side-table-differs": Anomaly(
        "a rebuild of {where} at {position} left side tables out",
        "the live path and the rebuild fill the same tables",
        "the replay gives {expected}, the tables hold {actual}",
        "the rebuild runs only the main projection; rebuild every derived table",
    ),
    "rebuild-differs": Anomaly(
        "the rebuilt tables of {where} at {position} differ from those of the live path",
        "the live path and the rebuild read events in the same way",
        "the replay gives {expected}, the tables hold {actual}",
        "the rebuild has its own decoder and lacks upcasters; use one decoder for all paths",
    ),
    "answer-differs": Anomaly(
        "the answer to a query about {where} differs from a replay of its events",
        "on every read path, an answer of version n is the fold of the first n events",
        "the replay gives {expected}, the answer was {actual}",
        "a read path bypasses the upcasters, or the row belongs to somebody else (a cache key without the tenant); use one "
        "decoder, and put the tenant into every key",
    ),
    "effect-repeated-on-replay": Anomaly(
        "{where} repeated the effect of {event} on the outside world, although it had recorded it as done",
        "a replay has no effect on the outside world",
        "expected {expected}, found {actual}",
        "a rebuild runs the handlers of the live path; control them with a record of everything that was done, not with a single number",
    ),
    "effect-never-happened": Anomaly(
        "{where} passed {event} and never carried out its effect on the outside world",
        "every event has its effect once",
        "expected {expected}, found {actual}",
        "the boundary of a replay is too high, or an effect is recorded as done before it happens; record it afterwards",
    ),
    "event-vanished": Anomaly(
        "{event} of {where} was in the log and is no longer there",
        "the log only grows at its end",
        "a reader had found {expected} there, and finds {actual} now",
        "an event was shown before it was durable, was deleted, or was renumbered; show nothing that may be taken back",
    ),
    "view-differs-from-replay": Anomaly(
        "{where} differs from a replay of the whole log",
        "while nothing is under way, what an application shows equals a replay of its log",
        "the replay gives {expected}, {where} shows {actual}",
        "a snapshot misses an event, a projection applies one twice or never, or a cache is never cleared; compare the positions that "
        "each of them has reached",
    ),
    "replay-differs": Anomaly(
        "two replays of the same events{place} give different states",
        "a replay depends on nothing but the events",
        "the first gives {expected}, the second {actual}",
        "the replay uses a global variable, a clock or a random number; put such values into the event",
    ),
    "replay-differs-elsewhere": Anomaly(
        "another process, with another hash seed, clock and time zone, gets a different {where} from the same events",
        "a replay gives the same bytes in every process",
        "one process gives {expected}, another {actual}",
        "the result depends on the order of a set, on hash(), id(), a clock or a random number; sort, and put such values into "
        "the event",
    ),
    "old-event-unreadable": Anomaly(
        "{event}, which a former version stored, cannot be read: {where}",
        "every later version can read everything that is in the log",
        "the application raises {actual}",
        "a field or a class was renamed, a new field has no default, or an event class is gone; turn the old form into today's in "
        "Application.upcast, and keep the class of every event that was ever stored",
    ),
    "old-event-read-two-ways": Anomaly(
        "{event} ({where}), which a former version stored, is different each time it is read",
        "an event is the same each time it is read",
        "the first time it is {expected}, the second time {actual}",
        "an upcaster fills a new field from a clock, a random number or a counter; use what the event itself holds, or a "
        "constant",
    ),
    "old-event-moved": Anomaly(
        "{event} is in stream {where}, and the application looks for it elsewhere",
        "an event belongs to the stream in which it is stored",
        "it is in {expected}, and Application.key says {actual}",
        "key() now uses another field or another spelling; a stored event cannot move, so keep the key",
    ),
    "old-state-differs": Anomaly(
        "the old events{place} mean something else now",
        "a fold of the old events gives what a former version recorded for them",
        "it was {expected}, and is {actual} now",
        "a field is no longer read, a new one has a wrong default, or a unit or a sign has changed; correct "
        "Application.upcast. If the form of states or rows was changed on purpose, say how in Application.upcast_state or "
        "upcast_row",
    ),
    "old-state-breaks-invariant": Anomaly(
        "with {event}, the state of {where} breaks one of today's invariants: {what}",
        "states of old events keep the invariants",
        "found {actual}",
        "an upcaster gives a wrong amount, or old data break a new rule; correct the upcaster, or let the rule allow them",
    ),
    "old-decision-differs": Anomaly(
        "a decision on {where} would come out differently today",
        "a command that is decided again on the same events gives the same events",
        "it was {expected}, and is {actual} now",
        "a rule was changed, or old events no longer add up to the same state; if the rule was changed on purpose, leave "
        "--decisions out",
    ),
    "sent-elsewhere": Anomaly(
        "{where} sent the effect of {event} to the wrong receiver",
        "an effect on the outside world goes to the receiver that its event is about",
        "expected {expected}, found {actual}",
        "a variable is left over from the previous message; fill every message from its own event",
    ),
    "sent-out-of-order": Anomaly(
        "{where} carried out {event} in the outside world after a later event of the same stream",
        "the outside world hears of the events of a stream in order",
        "expected {expected}, found it {actual}",
        "messages of one stream do not wait for each other; send them one by one, or give them a version that the receiver compares",
    ),
    "parked-without-cause": Anomaly(
        "{where} put {event} aside, although its handler has not failed",
        "an event is put aside only if its handler failed, or if an earlier event of its stream was put aside",
        "expected it {expected}, found it {actual}",
        "one dead letter stops everything after it; park the stream of the dead letter, and nothing else",
    ),
    "dead-letter-lost": Anomaly(
        "{where} put {event} aside, but it is not among its dead letters",
        "what is put aside stays there until it is handled",
        "{expected} were put aside, {actual} are there",
        "the dead letter and the skip are written separately; write both in one step",
    ),
    "dead-letter-handled-twice": Anomaly(
        "{where} has {event} among its dead letters, although it was handled or was never put aside",
        "dead letters are the events that were put aside and are not handled yet",
        "{expected} were put aside, {actual} are there",
        "the effect and the removal of the dead letter are two steps; make them one",
    ),
    "position-changes": Anomaly(
        "an event that was read at position {expected} is now read at position {actual}, and another one has taken its old "
        "place",
        "the position of an event never changes",
        usual="positions are row numbers of a sorted or paged query, so an insert moves everything after it; number events once, in "
        "the order in which they become visible, and read by that number",
        unit="position {}",
    ),
    "event-never-applied": Anomaly(
        "{event} is in the log but not in the rows of {where}, and nothing will bring it there",
        "every event takes effect in every consumer, even if it was committed while the consumer caught up, died or restarted",
        usual="events committed between catching up and listening are left out, a checkpoint is saved before the rows, or a filter or "
        "a gap swallows events; where rows are written together with the event, a write changes no row or is in another transaction; "
        "begin to listen after the last event that was read, and save rows and checkpoint (or rows and event) in one transaction",
    ),
    "checkpoint-left-behind": Anomaly(
        "at rest, {where} has dealt with {event}, but its checkpoint does not say so",
        "once no more events arrive, the checkpoint of a consumer is the end of the log",
        usual="events without a handler, or the last of a batch, never reach the code that saves the checkpoint, so after a restart "
        "everything after it is delivered again; acknowledge skipped events too (if the consumer saves every n events on purpose, say "
        "so: `saves_every`)",
        unit="position {}",
    ),
    "handled-again-at-rest": Anomaly(
        "{where}, started again at rest, handles {event} once more",
        "a consumer that promises `at-most-once` handles no event a second time, even after a restart",
        usual="the position is saved only every few events, by a timer, or in memory; save it before each event is handled",
        unit="position {}",
    ),
    "rows-go-back": Anomaly(
        "the rows of {where} went back to what they were before {event}, although its process has not ended",
        "while a consumer lives, its rows only follow the log",
        usual="two instances write the same rows, or a late transaction undoes what a newer one has written; guard each write with the "
        "position of its row",
    ),
    "rebuild-never-ends": Anomaly(
        "the rebuild of {where} ends with an error, however often it is started",
        "a rebuild in which nothing goes wrong finishes",
        usual="the rebuild fails on what it or an earlier attempt has left behind; drop half-built tables before it begins",
    ),
    "inline-rows-behind": Anomaly(
        "{event} is in the log, but {where}, which is written with it, does not have it",
        "rows that are written in the transaction of the append exist whenever the event does",
        usual="event and row are written in two transactions; use one transaction for both",
    ),
    "deadlock": Anomaly(
        "{where} wait for each other, and none of them can ever go on",
        "a caller that waits for a lock waits for somebody who can continue",
        usual="two locks are taken in different orders, or a lock is held during a call that needs it too; take locks in one order "
        "everywhere, or let waits time out",
    ),
    "confirmed-without-effect": Anomaly(
        "a call about {where} was answered “done”, but nothing of it is in the log",
        "a service answers “done” only for what is stored",
        usual="an error or a conflict is swallowed on the way out; let it through, or try again",
    ),
    "rule-allows-too-much": Anomaly(
        "a command on {where} was carried out although decide() refuses it, and nothing had come in between",
        "an application does what decide() allows, and nothing else",
        "decide() says {expected}; it appended {actual}",
        "the rule in the application is wider than the one in decide(); compare their bounds",
    ),
    "refused-without-reason": Anomaly(
        "a call about {where} was refused, although nothing was in its way from the call to the answer",
        "a refusal needs a reason in the log",
        usual="the service mistook its own write, or a rolled-back one, for somebody else's, or decided on a view that lags behind; "
        "check the log before refusing",
    ),
    "replayed-state-differs": Anomaly(
        "the stored rows of {where} at position {position} differ from the replay of the log",
        "the stored rows of a consumer equal the replay of the log up to its position",
        "the replay gives {expected}, the store holds {actual}",
        "an event was lost or applied twice, or the handler uses a clock, a random number or other state; apply every event once, and "
        "compute the rows from the events alone",
    ),
    "deleted-item-resurrected": Anomaly(
        "{where} brought back a row that was deleted, because the older {event} came late",
        "no change undoes a newer one, including a deletion",
        "the row should have stayed {expected}, and became {actual}",
        "the version is forgotten together with the row; keep a tombstone with the version of the deletion",
    ),
    "stale-overwrites-newer": Anomaly(
        "{where} replaced a newer row with what the older {event} says",
        "no change undoes a newer one",
        "the row should have stayed {expected}, and became {actual}",
        "changes are stored as they arrive; keep the version with the row, and store only newer changes",
    ),
    "cache-differs": Anomaly(
        "{where} is at rest, and its rows are not those of the log",
        "at rest, every row of a cache equals that of the replay",
        "the replay gives {expected}, {where} shows {actual}",
        "an invalidation was lost or overtaken; version the rows, or let them expire",
    ),
    "never-reaches-tail": Anomaly(
        "{where} came to rest at position {actual}, but the log ends at {expected}",
        "once faults stop, every consumer reaches the end of the log without another append",
        "the log ends at position {expected}, {where} rests at {actual}",
        "a wake-up is lost between the read and the wait, or an error ends the loop; listen first, then read, and poll now and "
        "then",
        unit="position {}",
    ),
    "own-write-not-read": Anomaly(
        "a client was told that its write to {where} was done, and then read {where} without it",
        "a client that has been told that a write is done can read it",
        usual="the query looks at a view that is behind; wait until the view has reached the position of the write, with a time-out",
    ),
    "read-goes-back": Anomaly(
        "a client read {where}, and then read an older version of it",
        "within a session, what is read never becomes older",
        usual="two copies at different positions answer in turn; let the session carry the newest position that it has seen",
    ),
    "answer-from-the-future": Anomaly(
        "{where} was shown at a version that does not exist yet",
        "an answer is the fold of a prefix of the log",
        usual="the row belongs to somebody else (a cache key without the tenant), or was never committed; put the tenant into every "
        "key, and fill the cache after the commit",
    ),
    "cache-stale-at-rest": Anomaly(
        "everything is at rest, and the query cache still holds an old version of {where}",
        "a cache does not stay older than the log",
        usual="an old row filled the cache after the invalidation; fill it under the row's version, and only with the newest",
    ),
    "query-waits-for-ever": Anomaly(
        "the query of {where} waits longer than it was told to",
        "a wait ends with an answer, or with the message that there is none",
        usual="the wait has no time-out; give it one",
    ),
    "query-gives-up-early": Anomaly(
        "the query of {where} was given up before its time",
        "a query waits as long as was promised",
        "expected {expected}, found it {actual}",
        "the time-out is compared in the wrong unit; measure both sides in one unit",
    ),
    "query-never-answered": Anomaly(
        "nothing is in the way any more, and the query of {where} is still not answered",
        "once faults stop, every query is answered",
        usual="the wait is for the wrong consumer, or for a position that never comes; wait on the consumer that will be read",
    ),
    "dangling-pointer": Anomaly(
        "{where} was shown, although what it points to is not there",
        "a pointer without a target is recognised and discarded",
        usual="the index runs ahead of the store, or the target was deleted; resolve pointers before they are shown",
    ),
    "living-pointer-discarded": Anomaly(
        "{where} was discarded, although what it points to is there",
        "only pointers without a target are discarded",
        usual="the check looks at the wrong place; resolve pointers in the store that they point into",
    ),
    "archived-item-resurfaced": Anomaly(
        "an archived item of {where} is shown again",
        "what is archived or deleted does not come back",
        usual="a rebuild reads archived events, or nothing told the view; filter archived events at the source, and tell views by a "
        "tombstone event",
    ),
    "item-missing": Anomaly(
        "{where} has {expected} living items, and the listing shows {actual}",
        "at rest a listing shows everything that is there",
        usual="a link was passed without being followed; move the checkpoint only past links that were dealt with",
    ),
    "item-too-many": Anomaly(
        "{where} has {expected} living items, and the listing shows {actual}",
        "at rest a listing shows only what is there, and shows each item once",
        usual="a link was followed twice, or an item was filed under another stream; move the checkpoint in the step that shows the item",
    ),
    "reader-stuck-at-link": Anomaly(
        "the reader of {where} stays at link {actual} of {expected}",
        "a reader reaches the end of its links, no matter what they point to",
        usual="a link without a target is skipped, but the checkpoint is not moved; advance it on skips too",
    ),
    "side-effect-twice": Anomaly(
        "{where} delivered a message that had been delivered before, and no crash excuses it",
        "a message goes out once, unless a relay dies after delivering it and before recording the delivery",
        usual="two relays take the same row; claim it atomically first (SKIP LOCKED, or an update that names the relay)",
    ),
    "side-effect-missing": Anomaly(
        "everything is at rest, and not every message was delivered",
        "every message is delivered at least once",
        usual="a row is marked as sent before its delivery, or its claim outlives its holder; mark rows after delivery, and let claims "
        "expire",
    ),
    "side-effect-without-cause": Anomaly(
        "{where} sent a message to the outside world that is not that of {event}",
        "a message goes out only because of an event, and is the message of that event",
        "expected {expected}, found {actual}",
        "messages were published before the event was committed, or their rows and the events are written separately; write both in "
        "one transaction",
    ),
    "command-executed-twice": Anomaly(
        "handler {where} had its command for {event} executed twice",
        "an event leads to one execution of each handler's command",
        usual="the command gets a new id each time it is sent; make the id a function of the event's id and the handler",
    ),
    "command-missing": Anomaly(
        "the command of handler {where} for {event} was never executed",
        "an event leads to one execution of each handler's command",
        usual="progress is saved before the command is sent, two commands share an id, or a handler is not registered; send first, then "
        "save, and name every handler",
    ),
    "command-without-cause": Anomaly(
        "handler {where} had a command executed for {event}, which is not in the log",
        "a command is executed only because of an event that is in the log",
        "expected {expected}, found {actual}",
        "the event was handed over before it was committed; read triggers from the log alone",
    ),
    "manager-never-done": Anomaly(
        "everything is at rest, and the process manager is done with {actual} of {expected} events",
        "once faults stop, a process manager reaches the end of its events",
        "there are {expected} events, it is done with {actual}",
        "an error ends its loop, or progress is saved by a process that was replaced; continue from the log, and poll now and then",
    ),
    "second-store-goes-back": Anomaly(
        "the second store went back to an older version of {where}",
        "the versions that a store holds only increase",
        "it held version {expected}, and then version {actual}",
        "two writers reached the stores in different orders; follow a single log, or guard writes with the version",
    ),
    "repair-found-nothing": Anomaly(
        "a repair job ran and did not find what a crash had left unfinished",
        "a repair job finishes what dead writers have left",
        usual="the job looks for marks that a crash does not make; test recovery itself with faults",
    ),
    "repair-found-too-little": Anomaly(
        "a repair job ran and found {actual} of {expected} facts that crashes had left unfinished",
        "a repair job finishes what dead writers have left",
        usual="the job stops at the first fact, or looks at only one writer; let it process everything that was noted and not finished",
    ),
    "stores-disagree": Anomaly(
        "everything is at rest, and the stores disagree about {where}, with each other or with what was written",
        "at rest, two stores that record the same fact agree on its newest version",
        usual="a crash came between two writes, and nothing remembers the second one; append to the log first, or use one "
        "transaction with an outbox row",
    ),
    "row-copied-twice": Anomaly(
        "the copy holds row {where} more than once",
        "the copy holds every row once",
        usual="a snapshot is inserted a second time; upsert by key and log position",
    ),
    "copy-goes-back": Anomaly(
        "row {where} of the copy went back to an older change",
        "the changes of a row are copied in their order",
        usual="snapshot and stream overlap without a guard; write only what has a newer log position",
    ),
    "copied-before-commit": Anomaly(
        "row {where} was copied as of a change that was never committed",
        "only committed changes are copied",
        usual="the connector reads uncommitted changes; read the log of committed changes",
    ),
    "wrong-value-copied": Anomaly(
        "row {where} of the copy is {actual}, which the table did not hold as of that change",
        "the copy takes a row as the table held it",
        "the table held {expected}, the copy took {actual}",
        "the row's value and its log position are read at different times, or a row of another key is written; take both from "
        "one change",
    ),
    "copy-differs": Anomaly(
        "everything is at rest, and row {where} of the copy is not that of the table",
        "at rest the copy equals its source",
        "the table holds {expected}, the copy {actual}",
        "the cursor compares timestamps, or the copy starts at the newest change after a lost offset; resume by log position, or else "
        "take a new snapshot",
    ),
    "stale-token-effect": Anomaly(
        "a write to {where} had an effect, although a newer holder of its lock had written before",
        "a write under a lock has an effect only if no newer token had one",
        usual="a holder that was paused past the end of its lease does not know that it has ended; give every lease a token greater "
        "than the last, and let the store compare tokens",
    ),
    "unknown-token-effect": Anomaly(
        "a write to {where} had an effect under a token that nobody was granted",
        "a write under a lock has an effect only under a token that was granted",
        usual="the store accepts every token that is not older than the last; tell it about the newest grant, or make tokens hard to "
        "guess",
    ),
    "foreign-token-effect": Anomaly(
        "a write to {where} had an effect under the token of another client",
        "a write under a lock has an effect only under a token that was granted to the client that writes",
        usual="the token is kept in a place that clients share, or is not unique; keep it with the grant, and never pass it on",
    ),
    "two-lock-holders": Anomaly(
        "the lock on {where} was granted while somebody held it",
        "at most one lease on a lock is in force",
        usual="a release deletes whatever lock it finds; compare the token and delete in one step",
    ),
    "lease-renewed-by-another": Anomaly(
        "the lease on {where} was renewed for somebody who does not hold it",
        "a lease is renewed only for the client to which it was last granted and that has not released it",
        "expected {expected}, found {actual}",
        "a renewal sets a new end for whatever lease it finds under the name; compare the token and extend in one step",
    ),
    "lease-without-time": Anomaly(
        "the lock on {where} was granted for no time at all",
        "a lease ends after it begins",
        "expected {expected}, found {actual}",
        "the end of the lease is not counted from its beginning; add the duration to the time of the grant",
    ),
    "lock-granted-to-the-dead": Anomaly(
        "the lock on {where} was granted to somebody who had stopped waiting for it",
        "a lock is granted only to a client that is still waiting for it",
        usual="the lease ended while the client was in the queue; check it again when the wait is over",
    ),
    "lock-never-freed": Anomaly(
        "the lock on {where} was refused although no lease on it was in force",
        "a client that asks for a lock gets it if no lease is in force",
        usual="the time is read once, at the beginning of the transaction; read the clock for each attempt",
    ),
    "fencing-token-reused": Anomaly(
        "the lock on {where} was granted with a token that is not newer than the last",
        "fencing tokens only increase",
        usual="tokens are counted in memory; store the counter with the locks",
    ),
    "fenced-off-without-cause": Anomaly(
        "a write to {where} was refused because of its token, although no token is newer",
        "only a newer token locks a writer out",
        usual="tokens of different locks, or of different kinds, are compared; keep them per lock",
    ),
    "reserved-twice": Anomaly(
        "{where} was put on hold although it was already on hold",
        "at most one hold on a key is in force",
        usual="the check and the hold are two steps; make them one",
    ),
    "ended-hold-counted": Anomaly(
        "a hold on {where} counted, although it was over",
        "a hold ends once",
        usual="the confirmation does not check whether the hold still exists; check and confirm in one step",
    ),
    "hold-swept-early": Anomaly(
        "a hold on {where} was freed before its time",
        "a hold lasts as long as was promised",
        usual="the sweeper's clock is ahead, or it compares with the wrong time; compare the promised end with the clock that set it",
    ),
    "hold-number-reused": Anomaly(
        "a hold on {where} has the number of an earlier one",
        "every hold has its own number, so that nobody ends somebody else's hold",
        "expected {expected}, found {actual} again",
        "numbers are counted from the holds that exist now; count all holds that ever existed",
    ),
    "hold-denied-without-cause": Anomaly(
        "a hold on {where} was denied, although it is free",
        "a hold is denied only while there is another",
        "expected it {expected}, found it {actual}",
        "one hold blocks more than its own key; compare whole keys",
    ),
    "hold-vanished": Anomaly(
        "the hold on {where} is gone, and nobody confirmed, cancelled or swept it",
        "a hold ends when it is confirmed, cancelled or swept",
        usual="the list of holds is kept in memory, or an entry is overwritten; end holds in one place, and record how each one ended",
    ),
    "reservation-leaked": Anomaly(
        "{where} is on hold, and nobody is left to confirm it",
        "at rest nothing is on hold",
        usual="the process died between hold and confirmation; give holds an expiry, and a sweeper that frees them",
    ),
    "handler-raised": Anomaly(
        "code of the {where} failed on rows or events that it should never have been given",
        "a handler is given only rows and events that the actual log can lead to",
        usual="a row was lost, or an event was altered, left out or applied out of order; fix what the handler is given before you "
        "make the handler tolerate it",
    ),
    "not-linearizable": Anomaly(
        "an operation fits into no order of the operations",
        "an operation takes effect at one moment between its call and its answer",
        usual="a stale read, a lost update, or an answer that came before the write was safe; look at the operation that is blamed, "
        "and at the operations that were open at the same time",
    ),
    "vacuous-run": Anomaly(
        "the runs prove nothing: something that they are for never happened",
        "in a long enough campaign, everything that can happen does happen",
        contrast="at least one of each was expected, found {actual}",
        usual="if the counts say that something never happened, it cannot happen or is not counted; look at the menu and at perform()",
    ),
}

UNKNOWN = Anomaly("the property {judge} does not hold{place}", "")
"""The words for an anomaly that has none of its own."""


def words_of(finding: Finding) -> Anomaly:
    """The words for a finding. What a property of the user's own says comes first; a name that the application gave to a wrong decision
    borrows the words of another one."""
    own = finding.wording
    known = ANOMALIES.get(finding.anomaly)
    if known is None and own is None and finding.guarantee == "CAS":
        known = ANOMALIES["lost-update"]
    if known is None:
        definition = own.definition if own is not None else ""
        known = attrs.evolve(UNKNOWN, rule=definition or f"the property {finding.judge} holds in every history")
    if own is None:
        return known
    return attrs.evolve(
        known, headline=own.headline or known.headline, rule=own.rule or known.rule, usual=own.fix or known.usual
    )
