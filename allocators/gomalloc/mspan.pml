/* The protocol between threads at the head of mspan.h, as a model for spin: one span, a few threads,
 * each of which allocates, frees, and gives the span up, in any order. spin goes through all of their
 * interleavings, and through what remains when all have ended.
 *
 *     spin -a mspan.pml && cc -O1 -DSAFETY -o pan pan.c && ./pan -m100000
 *
 * What is one atomic operation in C is one step here. Memory orders are not modelled: each step is
 * seen by all threads at once, and the orders are ThreadSanitizer's business (test_one_way.c). What
 * only the owner of the span touches is not divided further, but asserted to be the owner's.
 *
 * -DTHREADS=, -DOPERATIONS= of each, -DSLOTS= (at most 4) make it larger: three threads have
 * 14,057,726 states. -DBUG_… breaks it in one place; test_model.py demands that each such bug is
 * found. -DSPARE_… leaves out what the protocol has twice; it demands that nothing is found. */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef OPERATIONS
#define OPERATIONS 3
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
/* An owner that gives the span up looks at the number and at the bits; either look is enough. */
#ifdef BUG_GIVE_UP_BLINDLY
#define SPARE_GIVE_UP_COUNT
#define SPARE_GIVE_UP_MERGE
#endif
#define ALL      ((1 << SLOTS) - 1)
#define COUNT(x) (((x) & 1) + ((x) >> 1 & 1) + ((x) >> 2 & 1) + ((x) >> 3 & 1))
#define NOBODY   255

mtype = { DEAD, CACHED, FULL, PUSHING, PARTIAL, EMPTYING };

/* The span. `state` and `live` are one word. */
mtype state = DEAD;
byte live = 0;
byte avail = 0, freed = 0;

/* The mcentral: its lock, and whether the span is on its list. */
bool locked = false, listed = false;

/* What nobody has in C, for the assertions. */
byte owner = NOBODY; /* of a CACHED span */
byte held = 0;       /* slots that the program has */
byte going = 0;      /* slots whose free has begun, but has not come to its step 2 */
byte uncounted = 0;  /* slots in avail[] that live does not have yet: the owner is about to add them */
byte ended = 0;      /* threads */

/* The sentence "Exactly, live = …" of mspan.h. */
#define EXACT (live + uncounted == COUNT(held) + going + (state == CACHED -> COUNT(avail) : 0))

inline lock() {
#ifdef BUG_NO_LOCK
    skip
#else
    atomic { !locked -> locked = true }
#endif
}

inline unlock() {
    locked = false
}

/* --- mspan.c --- */

inline mspan_merge(count) {
    count = 0;
    if
    :: freed == 0 /* a look, without an exchange */
    :: else ->
#ifdef BUG_MERGE_BY_STORE
        bits = freed;
        atomic {
#else
        atomic {
            bits = freed;
#endif
            freed = 0;
            assert(owner == _pid && !(avail & bits) && !(held & bits));
            avail = avail | bits;
            count = COUNT(bits);
            uncounted = uncounted + count;
            bits = 0
        };
#ifndef BUG_MERGE_UNCOUNTED
        atomic {
            live = live + count;
            uncounted = uncounted - count;
            assert(EXACT)
        }
#endif
    fi
}

inline mspan_give_up_full(gone) {
    gone = false;
    atomic {
        was_live = live;
        assert(state == CACHED && owner == _pid)
    };
#ifdef SPARE_GIVE_UP_MERGE
    count = 0;
#else
    mspan_merge(count);
#endif
    if
#ifdef SPARE_GIVE_UP_COUNT
    :: count > 0 -> skip
#else
    :: count > 0 || was_live < SLOTS -> skip
#endif
    :: else ->
        atomic {
            if
#ifdef BUG_GIVE_UP_BY_STORE
            :: true ->
#else
            :: state == CACHED && live == was_live ->
#endif
                state = FULL;
                live = was_live;
                owner = NOBODY;
                gone = true
#ifndef BUG_GIVE_UP_BY_STORE
            :: else
#endif
            fi
        }
    fi;
    count = 0;
    was_live = 0
}

/* Slots `b`, `n` of them. */
inline set_freed(b) {
    atomic {
        assert(state != DEAD && !(freed & b));
        freed = freed | b
    }
}

inline mspan_free_remote(b, n, duty) {
#ifndef BUG_FREE_WORD_FIRST
    set_freed(b);
#endif
    atomic { was = state; was_live = live };
    do
    :: atomic { state == was && live == was_live ->
            assert(live >= n && state != DEAD && state != EMPTYING);
            live = live - n;
            going = going - n;
            if
            :: live == 0 && state == FULL -> state = EMPTYING; duty = DUTY_RELEASE
            :: live == 0 && state == PARTIAL ->
#ifndef BUG_RELEASE_LISTED
                duty = DUTY_REMOVE;
#else
                duty = DUTY_RELEASE;
#endif
                state = EMPTYING
#ifdef BUG_RELEASE_CACHED
            :: live == 0 && state == CACHED -> state = EMPTYING; duty = DUTY_RELEASE
#endif
#ifdef BUG_RELEASE_PUSHING
            :: live == 0 && state == PUSHING -> state = EMPTYING; duty = DUTY_RELEASE
#endif
#ifndef BUG_NO_PUSH
            :: live > 0 && state == FULL && live < SLOTS -> state = PUSHING; duty = DUTY_PUSH
#endif
            :: else
            fi;
            assert(EXACT)
        };
        break
    :: atomic { else -> was = state; was_live = live }
    od;
#ifdef BUG_FREE_WORD_FIRST
    set_freed(b);
#endif
    was = DEAD;
    was_live = 0
}

/* --- mcentral.c --- */

/* Under the lock. */
inline settle(less, is_empty) {
    atomic { was = state; was_live = live };
    do
    :: atomic {
#ifndef BUG_SETTLE_BY_STORE
            state == was && live == was_live ->
#endif
            assert(was_live >= less);
            live = was_live - less;
            owner = NOBODY;
            is_empty = false;
            state = PARTIAL;
#ifndef BUG_SETTLE_EMPTY
            if
            :: live == 0 -> state = EMPTYING; is_empty = true
            :: else
            fi;
#endif
            assert(EXACT)
        };
        break
#ifndef BUG_SETTLE_BY_STORE
    :: atomic { else -> was = state; was_live = live }
#endif
    od;
    if
    :: !is_empty ->
        assert(!listed);
        listed = true
    :: else
    fi;
    was = DEAD;
    was_live = 0
}

inline mcentral_push(is_empty) {
    lock();
    settle(0, is_empty);
    unlock()
}

inline mcentral_remove() {
    lock();
    assert(listed);
    listed = false;
    unlock()
}

/* `own`: there was a span to be had. */
inline mcentral_take() {
    lock();
    if
    :: listed ->
        was = state;
        do
#ifdef BUG_CLAIM_EMPTYING
        :: was != PARTIAL && was != EMPTYING -> break
#else
        :: was != PARTIAL -> break
#endif
        :: else ->
            atomic {
                if
#ifdef BUG_CLAIM_BY_STORE
                :: true ->
#else
                :: state == was ->
#endif
                    assert(owner == NOBODY);
                    state = CACHED;
                    owner = _pid;
                    own = true;
                    uncounted = uncounted + COUNT(avail)
#ifndef BUG_CLAIM_BY_STORE
                :: else -> was = state
#endif
                fi
            };
            if
            :: own ->
                assert(listed);
                listed = false;
                break
            :: else
            fi
        od;
        was = DEAD
    :: else
    fi;
    unlock();
    if
    :: own ->
#ifndef BUG_TAKE_UNRESERVED
        atomic {
            live = live + COUNT(avail);
            uncounted = uncounted - COUNT(avail);
            assert(EXACT)
        };
#endif
        mspan_merge(count);
        count = 0
    :: else
    fi
}

inline mcentral_uncache(is_empty) {
    do
    :: mspan_merge(count);
        assert(owner == _pid);
        count = COUNT(avail);
        if
        :: count > 0 ->
            lock();
#ifdef BUG_UNCACHE_KEEPS_RESERVED
            settle(0, is_empty);
#else
            settle(count, is_empty);
#endif
            unlock();
            count = 0;
            own = false;
            break
        :: else ->
            mspan_give_up_full(gone);
            if
            :: gone ->
                own = false;
                gone = false;
                break
            :: else
            fi
        fi
    od
}

/* --- mheap.c --- */

/* The descriptor may be used for another span at once. */
inline mheap_free_span() {
    atomic {
        assert(state == EMPTYING && live == 0 && !listed);
        assert(owner == NOBODY && held == 0 && going == 0);
        state = DEAD;
        avail = 0;
        freed = 0
    }
}

/* --- mcache.c --- */

mtype = { DUTY_NONE, DUTY_PUSH, DUTY_RELEASE, DUTY_REMOVE };

inline do_duty() {
    if
    :: duty == DUTY_PUSH ->
        mcentral_push(is_empty);
        if
        :: is_empty -> mheap_free_span()
        :: else
        fi;
        is_empty = false
    :: duty == DUTY_REMOVE ->
        mcentral_remove();
        mheap_free_span()
    :: duty == DUTY_RELEASE -> mheap_free_span()
    :: else
    fi;
    duty = DUTY_NONE
}

/* One slot, if it is to be had: there is only this span. */
inline alloc() {
    do
    :: own && avail != 0 ->
        atomic {
            assert(owner == _pid);
            bits = avail & -avail;
            assert(!(held & bits) && !(freed & bits));
            avail = avail & ~bits;
            held = held | bits;
            bits = 0
        };
        break
    :: own && avail == 0 ->
        mspan_merge(count);
        if
        :: count == 0 ->
            mspan_give_up_full(gone);
            own = !gone;
            gone = false
        :: else -> count = 0
        fi
    :: !own ->
        mcentral_take();
        if
        :: own
        :: else ->
            atomic {
                if
                :: state == DEAD ->
                    assert(EXACT && held == 0);
                    state = CACHED;
                    live = SLOTS;
                    avail = ALL;
                    owner = _pid;
                    own = true
                :: else -> break
                fi
            }
        fi
    od
}

/* The thread takes slots out of the program's hands, one or two of one word. */
inline choose(b, n) {
    if
    :: held & 1 -> b = 1; n = 1
    :: held & 2 -> b = 2; n = 1
    :: (held & 3) == 3 -> b = 3; n = 2
#if SLOTS > 2
    :: held & 4 -> b = 4; n = 1
    :: (held & 6) == 6 -> b = 6; n = 2
#endif
#if SLOTS > 3
    :: held & 8 -> b = 8; n = 1
    :: (held & 9) == 9 -> b = 9; n = 2
#endif
    fi;
    held = held & ~b
}

proctype thread() {
    byte done, bits, count, was_live, b, n;
    mtype was = DEAD, duty = DUTY_NONE;
    bool own, gone, is_empty;
    do
    :: done < OPERATIONS ->
        done++;
        if
        :: alloc()
        :: atomic { held != 0 ->
                choose(b, n);
                if
                :: own -> /* mspan_free_owned */
                    avail = avail | b;
                    b = 0
                :: else -> going = going + n
                fi
            };
            if
            :: b != 0 ->
                mspan_free_remote(b, n, duty);
                do_duty()
            :: else
            fi;
            b = 0;
            n = 0
        :: own -> /* a trim */
            mcentral_uncache(is_empty);
            if
            :: is_empty -> mheap_free_span()
            :: else
            fi;
            is_empty = false
        fi
    :: break
    od;
    done = 0;
    if
    :: own -> /* the thread ends */
        mcentral_uncache(is_empty);
        if
        :: is_empty -> mheap_free_span()
        :: else
        fi
    :: else
    fi;
    ended++
}

/* When all have ended: no free slot is forgotten, and when what they left is freed, so is the span. */
active proctype last() {
    byte i, was_live, b, n;
    mtype was = DEAD, duty = DUTY_NONE;
    bool is_empty;
    atomic {
        for (i : 1 .. THREADS) {
            run thread()
        }
        i = 0
    };
    ended == THREADS;
    assert(EXACT && going == 0 && uncounted == 0 && owner == NOBODY && !locked);
    assert(state == DEAD || state == FULL || state == PARTIAL);
    assert(state != FULL || (held == ALL && freed == 0 && !listed));
    assert(state != PARTIAL || (held != 0 && listed && (held | avail | freed) == ALL));
    do
    :: held == 0 -> break
    :: else ->
        atomic {
            b = held & -held;
            held = held & ~b;
            going = 1
        };
        mspan_free_remote(b, 1, duty);
        do_duty()
    od;
    assert(state == DEAD && !listed)
}
