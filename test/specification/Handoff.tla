------------------------------ MODULE Handoff ------------------------------
(***************************************************************************)
(* How keys are handed over (docs/handoff.md): who may serve which key      *)
(* while a topology changes, in waves, with processes that crash, stall and *)
(* are behind.                                                              *)
(*                                                                          *)
(* An action, and whatever else stands for a function of the product, has   *)
(* that function's name. The line above it says in which file that is;      *)
(* names.spec.ts holds it to that.                                          *)
(*                                                                          *)
(* A wave is a version of its own: it has the keys before the cursor where  *)
(* the change wants them, and the others where they were. Keys are numbers, *)
(* in the order of their positions.                                         *)
(***************************************************************************)
EXTENDS Naturals, FiniteSets, TLC

CONSTANTS
  Routers,    \* processes of routers
  Shards,     \* shards, one process each
  Fencing,    \* those of them that take part: they refuse what they have lost
  Keys,       \* 1 .. n
  Failover,   \* whether lost shards are removed
  Changes, Interrupts, Retries, Crashes, Losses \* how often each of these happens at most

VARIABLES
  now,        \* the registry: the current topology, the last handoff, whether people have paused the change, the shards whose
              \* processes handoffs wait for, with a lease or without, and those of them that this handoff has given up
  found,      \* what a driver has read since the last step was written: that nobody has to be waited for, and shards that have
              \* to give something up
  up,         \* the processes that run
  listed,     \* those that others see in the registry, by a lease
  serves,     \* those that may serve, by their own clocks
  asks,       \* of each process: what it has to confirm before it may serve by its lease
  served,     \* of each process: the topology that it knows
  view,       \* the handoff that it knows; the two come from separate watches
  told,       \* what it goes by: a topology and a handoff, of one moment
  said,       \* what it has acknowledged last
  asked,      \* the key that all requests are for: those for other keys change nothing about it
  inFlight,   \* requests that plain shards have, or may still get: <<router, shard>>, one of a router at a time
  carryOut,   \* the shards that take part and carry a request out
  memory,     \* of each of them: what it has of the key in memory
  left        \* what may still happen

vars == <<now, found, up, listed, serves, asks, served, view, told, said, asked, inFlight, carryOut, memory, left>>
registry == <<now, found, asked>>
processes == <<up, listed, serves, asks>>
knowledge == <<served, view, told>>
work == <<said, inFlight, carryOut, memory>>

Members == Routers \cup Fencing
None == [step |-> "none"]
NoTopology == [version |-> 0]
NothingTold == [topology |-> NoTopology, handoff |-> None]
Nothing == [isDone |-> FALSE, losing |-> {}, known |-> {}]
NothingSaid == [attempt |-> 0, step |-> "none"]
Rank(step) == CASE step = "none" -> 0 [] step = "stage" -> 1 [] step = "drain" -> 2 [] step = "hold" -> 3

\* src/registry/handoff-entries.ts
isUnderWay(handoff) == handoff.step \in {"stage", "drain", "hold"}
\* src/registry/handoff-entries.ts
shardsGiveUp(handoff) == handoff.step = "hold" /\ handoff.fence

IsMoving(topology) == topology.owner # topology.target
\* src/topology/moving.ts
towards(base, target, cursor) ==
  [owner |-> [k \in Keys |-> IF k <= cursor THEN target[k] ELSE base.owner[k]], target |-> target]
Numbered(topology, version) == [version |-> version, owner |-> topology.owner, target |-> topology.target]

\* src/registry/handoff-beginning.ts
losingOf(topology, staged) == {topology.owner[k] : k \in {j \in Keys : topology.owner[j] # staged.owner[j]}}

Init ==
  \E first \in Shards :
    LET owner == [k \in Keys |-> first]
        topology == [version |-> 1, owner |-> owner, target |-> owner]
        handoff == [step |-> "committed", attempt |-> 0, from |-> 0, to |-> 1]
    IN /\ now = [topology |-> topology, handoff |-> handoff, paused |-> FALSE, known |-> Fencing, givenUp |-> {}]
       /\ found = Nothing
       /\ up = Members /\ listed = Members /\ serves = Members /\ asks = [m \in Members |-> {}]
       /\ served = [r \in Routers |-> topology]
       /\ view = [r \in Routers |-> handoff]
       /\ told = [m \in Members |-> [topology |-> topology, handoff |-> None]]
       /\ said = [m \in Members |-> NothingSaid]
       /\ asked \in Keys
       /\ inFlight = {} /\ carryOut = {}
       /\ memory = [s \in Fencing |-> "none"]
       /\ left = [changes |-> Changes, interrupts |-> Interrupts, retries |-> Retries, crashes |-> Crashes, losses |-> Losses]

----------------------------------------------------------------------------
(* The driver: whichever process it is, a step is a compare-and-set on the state of the handoff. So one that dies, or is late,
   leaves nothing behind but what it has written, and what it has read is void once another has written. *)

Written(state) == now' = state /\ found' = Nothing /\ UNCHANGED asked
WithHandoff(handoff) == Written([now EXCEPT !.handoff = handoff])
OnlyWrites == UNCHANGED <<processes, knowledge, work>>
Spends(what) == left[what] > 0 /\ left' = [left EXCEPT ![what] = @ - 1]

\* src/registry/member-values.ts
hasAcknowledged(m, handoff) == said[m].attempt = handoff.attempt /\ Rank(said[m].step) >= Rank(handoff.step)

\* src/handoff/awaited.ts
fencing(handoff) == now.known \cap (handoff.losing \ now.givenUp)
\* src/handoff/awaited.ts
awaitedIn(handoff) ==
  {r \in Routers \cap listed : ~hasAcknowledged(r, handoff)} \cup
  {s \in fencing(handoff) : s \notin listed \/ (shardsGiveUp(handoff) /\ ~hasAcknowledged(s, handoff))}

\* src/handoff/driver.ts
read ==
  /\ isUnderWay(now.handoff) /\ found = Nothing
  /\ awaitedIn(now.handoff) = {}
  /\ found' = [isDone |-> TRUE, losing |-> fencing(now.handoff), known |-> now.known]
  /\ UNCHANGED <<now, asked, left>> /\ OnlyWrites

\* src/registry/handoff-entries.ts
isStopped == now.paused /\ now.handoff.lost = {} /\ now.handoff.step # "hold"
Found(step) == found.isDone /\ now.handoff.step = step /\ ~isStopped

\* src/registry/handoffs.ts
stage(staged, lost, step) ==
  LET topology == now.topology IN
  [step |-> step, attempt |-> now.handoff.attempt + 1, fence |-> FALSE, from |-> topology.version, to |-> topology.version + 1,
   losing |-> losingOf(topology, staged), lost |-> lost, staged |-> Numbered(staged, topology.version + 1)]

\* src/handoff/change.ts
changeTopology ==
  /\ ~isUnderWay(now.handoff) /\ (IsMoving(now.topology) => now.paused)
  /\ Spends("changes")
  /\ \E target \in [Keys -> Shards] :
       /\ target # now.topology.owner
       /\ Written([now EXCEPT !.handoff = stage(towards(now.topology, target, Cardinality(Keys)), {}, "stage"), !.givenUp = {}, !.paused = FALSE])
  /\ OnlyWrites

\* src/registry/handoffs.ts
narrow ==
  LET handoff == now.handoff IN
  /\ Found("stage") /\ handoff.lost = {}
  /\ \E cursor \in Keys :
       LET part == towards(now.topology, handoff.staged.target, cursor)
           Moved(owner) == {k \in Keys : owner[k] # now.topology.owner[k]}
       IN
       /\ Moved(part.owner) # {} /\ Moved(part.owner) # Moved(handoff.staged.owner)
       /\ Moved(part.owner) \subseteq Moved(handoff.staged.owner)
       /\ WithHandoff([handoff EXCEPT !.attempt = @ + 1, !.to = @ + 1, !.staged = Numbered(part, handoff.to + 1)])
  /\ UNCHANGED left /\ OnlyWrites

\* src/handoff/driver.ts
drain == Found("stage") /\ WithHandoff([now.handoff EXCEPT !.step = "drain"]) /\ UNCHANGED left /\ OnlyWrites
Hold == Found("drain") /\ WithHandoff([now.handoff EXCEPT !.step = "hold"]) /\ UNCHANGED left /\ OnlyWrites

\* src/handoff/steps.ts
fence ==
  /\ Found("hold") /\ ~now.handoff.fence /\ found.losing # {}
  /\ WithHandoff([now.handoff EXCEPT !.fence = TRUE])
  /\ UNCHANGED left /\ OnlyWrites

Over(step) == [step |-> step, attempt |-> now.handoff.attempt, from |-> now.handoff.from, to |-> now.handoff.to]

\* src/registry/handoffs.ts
commit ==
  /\ Found("hold") /\ (now.handoff.fence \/ found.losing = {}) /\ found.known = now.known
  /\ Written([now EXCEPT !.topology = now.handoff.staged, !.handoff = Over("committed"), !.known = @ \ (now.givenUp \ listed)])
  /\ UNCHANGED left /\ OnlyWrites

(* Somebody has not answered while requests were held. *)
\* src/handoff/steps.ts
backToDraining ==
  /\ now.handoff.step = "hold" /\ awaitedIn(now.handoff) # {}
  /\ Spends("retries")
  /\ WithHandoff([now.handoff EXCEPT !.step = "drain", !.attempt = @ + 1, !.fence = FALSE])
  /\ OnlyWrites

(* It may be held at once, without asking routers what moves. *)
\* src/handoff/between-waves.ts
stageNextWave ==
  /\ ~isUnderWay(now.handoff) /\ IsMoving(now.topology) /\ ~now.paused
  /\ \E step \in {"stage", "hold"} :
       Written([now EXCEPT !.handoff = stage(towards(now.topology, now.topology.target, Cardinality(Keys)), {}, step), !.givenUp = {}])
  /\ UNCHANGED left /\ OnlyWrites

\* src/handoff/pace.ts
pauseChange ==
  /\ isUnderWay(now.handoff) \/ IsMoving(now.topology)
  /\ IF now.paused THEN UNCHANGED left ELSE Spends("interrupts")
  /\ Written([now EXCEPT !.paused = ~@])
  /\ OnlyWrites

(* What has moved by earlier waves stays until people change that: `changeTopology`. *)
\* src/handoff/pace.ts
giveUpChange ==
  /\ isUnderWay(now.handoff) \/ IsMoving(now.topology)
  /\ Spends("interrupts")
  /\ Written([now EXCEPT !.handoff = IF isUnderWay(@) THEN Over("aborted") ELSE @, !.paused = IsMoving(now.topology)])
  /\ OnlyWrites

(* Once the time is over for which it may serve without its lease. *)
\* src/handoff/failover.ts
takeOut ==
  /\ Failover
  /\ \E s \in Fencing \ listed :
       /\ s \notin serves
       /\ s \in {now.topology.owner[k] : k \in Keys}
       /\ IF isUnderWay(now.handoff)
          THEN /\ s \notin now.handoff.lost
               /\ Written([now EXCEPT !.handoff.lost = @ \cup {s}, !.givenUp = @ \cup {s}])
          ELSE LET other == CHOOSE t \in Shards : t # s
                   Without(owner) == [k \in Keys |-> IF owner[k] = s THEN other ELSE owner[k]]
                   rest == [owner |-> Without(now.topology.owner), target |-> Without(now.topology.target)]
               IN Written([now EXCEPT !.handoff = stage(rest, {s}, "stage"), !.givenUp = {s}])
  /\ UNCHANGED left /\ OnlyWrites

Driver == read \/ narrow \/ drain \/ Hold \/ fence \/ commit \/ backToDraining \/ stageNextWave \/ takeOut
People == changeTopology \/ pauseChange \/ giveUpChange

----------------------------------------------------------------------------
(* What a process knows of the registry: the topology and the handoff that were there at a moment, not of the same moment and in
   part long past. What was there in between it may have missed. *)

\* src/ownership/registered-ownership.ts
lostBy(s, goesBy) ==
  \/ goesBy.topology.owner[asked] # s
  \/ shardsGiveUp(goesBy.handoff) /\ goesBy.handoff.staged.owner[asked] # s

(* Whether the topology that it knows is older than the handoff that it knows: it may be the one that this has replaced. *)
\* src/handoff/cluster-follower.ts
isBehind(topology, handoff) == (IF handoff.step = "committed" THEN handoff.to ELSE handoff.from) > topology.version

(* What it goes by where both are of one moment. To a shard a handoff is nothing before it has to give something up. *)
\* src/handoff/cluster-follower.ts
stagedFor(m, topology, handoff) ==
  IF isUnderWay(handoff) /\ handoff.from = topology.version /\ (m \in Fencing => shardsGiveUp(handoff)) THEN handoff ELSE None
OfOneMoment(m, topology, handoff) == [topology |-> topology, handoff |-> stagedFor(m, topology, handoff)]

GoesBy(m, goesBy) ==
  /\ told' = [told EXCEPT ![m] = goesBy]
  /\ memory' = IF m \in Fencing /\ lostBy(m, goesBy) THEN [memory EXCEPT ![m] = "none"] ELSE memory
  /\ said' = IF goesBy.handoff = None THEN [said EXCEPT ![m] = NothingSaid] ELSE said
  /\ UNCHANGED <<registry, processes, inFlight, carryOut, left>>

\* src/handoff/cluster-follower.ts
reportMoment(r, topology, handoff) ==
  LET hasCommitted == handoff.step = "committed"
      before == told[r]
      isAhead == hasCommitted /\ handoff.to > topology.version
                 /\ isUnderWay(before.handoff) /\ before.handoff.attempt = handoff.attempt
      mine == IF isAhead THEN before.handoff.staged ELSE topology
  IN /\ served' = [served EXCEPT ![r] = mine]
     /\ view' = [view EXCEPT ![r] = handoff]
     /\ GoesBy(r, IF isBehind(mine, handoff) THEN before ELSE OfOneMoment(r, mine, handoff))

(* Of a router that sends by its lease both watches are followed, each in its own time; of the others they are taken as one. *)
HasTwoWatches(m) == m \in Routers /\ Fencing # Shards

\* src/handoff/cluster-follower.ts
followTopology(r) ==
  /\ HasTwoWatches(r) /\ r \in up /\ served[r].version < now.topology.version
  /\ reportMoment(r, now.topology, view[r])

\* src/handoff/cluster-follower.ts
followHandoffs(r) == HasTwoWatches(r) /\ r \in up /\ view[r] # now.handoff /\ reportMoment(r, served[r], now.handoff)

Current(m) == OfOneMoment(m, now.topology, now.handoff)
FollowBoth(m) ==
  /\ ~HasTwoWatches(m) /\ m \in up /\ told[m] # Current(m)
  /\ GoesBy(m, Current(m))
  /\ UNCHANGED <<served, view>>

(* It does what the registry has said since it was registered. That is two reads, each of a moment of its own. *)
\* src/handoff/cluster-follower.ts
confirmed(m) ==
  LET isDone(what) ==
        CASE what = "topology" -> served[m].version = now.topology.version
          [] what = "handoff" -> view[m] = now.handoff
          [] what = "together" -> IF HasTwoWatches(m) THEN ~isBehind(served[m], view[m])
                                  ELSE told[m] = Current(m) /\ ~(isUnderWay(now.handoff) /\ m \in now.handoff.lost)
      reads == {what \in asks[m] \ {"together"} : ~isDone(what)}
      still == IF reads = {} /\ isDone("together") THEN {} ELSE reads \cup (asks[m] \cap {"together"})
  IN /\ m \in up \cap listed
     /\ still # asks[m] \/ (asks[m] = {} /\ m \notin serves)
     /\ asks' = [asks EXCEPT ![m] = still]
     /\ serves' = IF still = {} THEN serves \cup {m} ELSE serves
     /\ UNCHANGED <<registry, up, listed, knowledge, work, left>>

----------------------------------------------------------------------------
(* Routers. They send to plain shards by their leases alone. *)

IsHeld(r) == LET goesBy == told[r] IN
  goesBy.handoff.step = "hold" /\ goesBy.handoff.staged.owner[asked] # goesBy.topology.owner[asked]
InFlight(r) == {sent \in inFlight : sent[1] = r}

\* src/proxy/core/gate/gate.ts
admits(r) ==
  LET owner == told[r].topology.owner[asked] IN
  /\ r \in up \cap serves /\ InFlight(r) = {}
  /\ owner \notin Fencing /\ ~IsHeld(r)
  /\ inFlight' = inFlight \cup {<<r, owner>>}
  /\ UNCHANGED <<registry, processes, knowledge, said, carryOut, memory, left>>

Answered(r) ==
  /\ InFlight(r) # {}
  /\ inFlight' = inFlight \ InFlight(r)
  /\ UNCHANGED <<registry, processes, knowledge, said, carryOut, memory, left>>

Said(m, handoff) == [attempt |-> handoff.attempt, step |-> handoff.step]

(* It has done what the step asks for. *)
\* src/proxy/core/gate/gate.ts
settled(r) ==
  LET handoff == told[r].handoff IN
  /\ r \in up /\ isUnderWay(handoff) /\ said[r] # Said(r, handoff)
  /\ InFlight(r) = {} \/ ~IsHeld(r)
  /\ said' = [said EXCEPT ![r] = Said(r, handoff)]
  /\ UNCHANGED <<registry, processes, knowledge, inFlight, carryOut, memory, left>>

----------------------------------------------------------------------------
(* Shards that take part decide by themselves. *)

MayServe(s) == s \in up \cap serves /\ ~lostBy(s, told[s])

(* It reads what it has in memory, or in the store that all shards share, and writes both. *)
\* src/ownership/registered-ownership.ts
admit(s) ==
  /\ MayServe(s) /\ s \notin carryOut
  /\ carryOut' = carryOut \cup {s}
  /\ memory' = [t \in Fencing |-> IF t = s THEN "fresh" ELSE IF memory[t] = "none" THEN "none" ELSE "stale"]
  /\ UNCHANGED <<registry, processes, knowledge, said, inFlight, left>>

CarriedOut(s) ==
  /\ s \in carryOut
  /\ carryOut' = carryOut \ {s}
  /\ UNCHANGED <<registry, processes, knowledge, said, inFlight, memory, left>>

(* It has given up what it loses. *)
\* src/ownership/registered-ownership.ts
reportGone(s) ==
  LET handoff == told[s].handoff IN
  /\ s \in up /\ shardsGiveUp(handoff) /\ s \in handoff.losing /\ said[s] # Said(s, handoff)
  /\ s \notin carryOut \/ ~lostBy(s, told[s])
  /\ said' = [said EXCEPT ![s] = Said(s, handoff)]
  /\ UNCHANGED <<registry, processes, knowledge, inFlight, carryOut, memory, left>>

----------------------------------------------------------------------------
(* Leases, and processes. Time is in the order of these steps alone: a router stops, then cuts what it has in flight, then the
   registry lets its lease go. *)

ToConfirm(m) == IF HasTwoWatches(m) THEN {"topology", "handoff", "together"} ELSE {"together"}
Registers(m) ==
  /\ listed' = listed \cup {m}
  /\ asks' = [asks EXCEPT ![m] = ToConfirm(m)]
  /\ now' = IF m \in Fencing THEN [now EXCEPT !.known = @ \cup {m}] ELSE now
  /\ UNCHANGED <<found, asked>>

\* src/registry/held-lease.ts
grant(m) ==
  /\ m \in up \ listed
  /\ Registers(m)
  /\ UNCHANGED <<up, serves, knowledge, work, left>>

(* The time is over by which it acts; a shard that takes part goes on beyond its lease: for ever, or until it is removed. *)
TimeIsOver(m) ==
  /\ m \in up \cap serves
  /\ IF m \in Routers THEN left.losses > 0 ELSE Failover /\ (m \notin listed \/ asks[m] # {})
  /\ serves' = serves \ {m}
  /\ carryOut' = carryOut \ {m}
  /\ memory' = [s \in Fencing |-> IF s = m THEN "none" ELSE memory[s]]
  /\ UNCHANGED <<registry, up, listed, asks, knowledge, said, inFlight, left>>

\* src/proxy/core/gate/gate.ts
cut(r) ==
  /\ r \in up \ serves /\ InFlight(r) # {}
  /\ inFlight' = inFlight \ InFlight(r)
  /\ UNCHANGED <<registry, processes, knowledge, said, carryOut, memory, left>>

(* What a router that has ended had sent is over by then. *)
\* src/registry/held-lease.ts
end(m) ==
  /\ m \in listed
  /\ IF m \in up THEN Spends("losses") ELSE UNCHANGED left
  /\ m \in Routers \cap up => m \notin serves /\ InFlight(m) = {}
  /\ listed' = listed \ {m}
  /\ inFlight' = IF m \in up THEN inFlight ELSE inFlight \ InFlight(m)
  /\ UNCHANGED <<registry, up, serves, asks, knowledge, said, carryOut, memory>>

Knows(m, topology, handoff, goesBy) ==
  /\ IF HasTwoWatches(m) THEN served' = [served EXCEPT ![m] = topology] /\ view' = [view EXCEPT ![m] = handoff]
     ELSE UNCHANGED <<served, view>>
  /\ told' = [told EXCEPT ![m] = goesBy]

Ends(m) ==
  /\ m \in up /\ Spends("crashes")
  /\ up' = up \ {m} /\ serves' = serves \ {m}
  /\ carryOut' = carryOut \ {m}
  /\ memory' = [s \in Fencing |-> IF s = m THEN "none" ELSE memory[s]]
  /\ Knows(m, NoTopology, None, NothingTold)
  /\ UNCHANGED <<asks, said, found, asked>>

Crash(m) == Ends(m) /\ UNCHANGED <<now, listed, inFlight>>

(* It says that it has ended: nobody waits for it. *)
\* src/ownership/registered-ownership.ts
stop(s) ==
  /\ Ends(s)
  /\ now' = [now EXCEPT !.known = @ \ {s}] /\ listed' = listed \ {s}
  /\ UNCHANGED inFlight

(* Another process, which has said nothing yet. What is known of a shard's process before it goes, since that has ended. *)
Start(m) ==
  /\ m \notin up \cup listed
  /\ up' = up \cup {m}
  /\ Knows(m, now.topology, now.handoff, Current(m))
  /\ said' = [said EXCEPT ![m] = NothingSaid]
  /\ listed' = listed \cup {m} /\ asks' = [asks EXCEPT ![m] = ToConfirm(m)]
  /\ now' = [now EXCEPT !.known = @ \cup ({m} \cap Fencing), !.givenUp = @ \ {m}]
  /\ UNCHANGED <<found, asked, serves, inFlight, carryOut, memory, left>>

----------------------------------------------------------------------------
GoesOn(m) == followTopology(m) \/ followHandoffs(m) \/ FollowBoth(m) \/ confirmed(m) \/ grant(m) \/ Start(m)
Next ==
  \/ Driver \/ People
  \/ \E m \in Members : GoesOn(m) \/ TimeIsOver(m) \/ end(m) \/ Crash(m)
  \/ \E r \in Routers : settled(r) \/ cut(r) \/ Answered(r) \/ admits(r)
  \/ \E s \in Fencing : reportGone(s) \/ CarriedOut(s) \/ stop(s) \/ admit(s)

Spec == Init /\ [][Next]_vars

(* What can be done is done in the end, except for what people and faults do. *)
Fairness ==
  /\ WF_vars(Driver)
  /\ \A m \in Members : WF_vars(followTopology(m)) /\ WF_vars(followHandoffs(m)) /\ WF_vars(FollowBoth(m)) /\ WF_vars(confirmed(m))
                        /\ WF_vars(grant(m)) /\ WF_vars(Start(m)) /\ WF_vars(m \notin up /\ end(m))
  /\ \A r \in Routers : WF_vars(settled(r)) /\ WF_vars(Answered(r)) /\ WF_vars(cut(r) \/ end(r))
  /\ \A s \in Fencing : WF_vars(reportGone(s)) /\ WF_vars(CarriedOut(s)) /\ WF_vars(Failover /\ TimeIsOver(s))
FairSpec == Spec /\ Fairness

----------------------------------------------------------------------------
(* A shard that serves a key is its owner by the current version: so there is one, requests that are in flight included. *)
OneOwner ==
  /\ \A sent \in inFlight : sent[2] = now.topology.owner[asked]
  /\ \A s \in carryOut : s = now.topology.owner[asked]

(* No shard serves what another one has overwritten. *)
AcknowledgedStays == \A s \in Fencing : memory[s] = "stale" => ~MayServe(s)

(* Of the current topology, and of what each process goes by. *)
VersionsGrow ==
  [][ /\ now'.topology.version >= now.topology.version
      /\ \A m \in up \cap up' : told'[m].topology.version >= told[m].topology.version ]_<<now, told, up>>

(* What a change has moved stays moved by it. *)
CursorsGrow ==
  [][ now'.topology.target = now.topology.target
      => \A k \in Keys : now.topology.owner[k] = now.topology.target[k] => now'.topology.owner[k] = now'.topology.target[k] ]_now

HoldsEnd == now.handoff.step = "hold" ~> now.handoff.step # "hold"
Progress == <>[](now.paused \/ (~isUnderWay(now.handoff) /\ ~IsMoving(now.topology)))

(* For TLC: which process, or which shard, is which makes no difference. *)
Symmetry == Permutations(Routers) \cup Permutations(Shards)
=============================================================================
