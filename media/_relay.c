/* The plain part of the relay in C: what `media/loop.py` does in Python, behind the same names. Optional.
 *
 * A packet is plain if it goes on what was joined (`Loop.join`) and continues a known stream: agreed payload type, known
 * SSRC, next in sequence or after a gap. It is counted, rewritten and sent on here. Every other packet – the first of a
 * stream, keys, RTCP, stragglers, malformed ones – is given to Python as it came; the state below belongs to both. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { HEADER = 12, LONGEST = 1356 /* that libsrtp takes from Python */, JUMP = 3000, ROUND = 256, ROOM = 2048 };
static const double CLOCK_HZ = 8000.0, NAP_S = 0.001;

/* ------------------------------------------------------------------------------------- state shared with Python */

typedef struct {
    PyObject_HEAD
    long long packets, highest, ssrc;
    double heard_at, jitter, transit;
} Inward;

static PyMemberDef inward_members[] = {
    {"packets", T_LONGLONG, offsetof(Inward, packets)},   {"highest", T_LONGLONG, offsetof(Inward, highest)},
    {"ssrc", T_LONGLONG, offsetof(Inward, ssrc)},         {"heard_at", T_DOUBLE, offsetof(Inward, heard_at)},
    {"jitter", T_DOUBLE, offsetof(Inward, jitter)},       {"transit", T_DOUBLE, offsetof(Inward, transit)},
    {NULL},
};

typedef struct {
    PyObject_HEAD
    long long packets, octets;
    double sent_at;
    unsigned int ssrc, sequence, timestamp;
} Outward;

static PyMemberDef outward_members[] = {
    {"packets", T_LONGLONG, offsetof(Outward, packets)},  {"octets", T_LONGLONG, offsetof(Outward, octets)},
    {"sent_at", T_DOUBLE, offsetof(Outward, sent_at)},    {"ssrc", T_UINT, offsetof(Outward, ssrc)},
    {"sequence", T_UINT, offsetof(Outward, sequence)},    {"timestamp", T_UINT, offsetof(Outward, timestamp)},
    {NULL},
};

typedef struct {
    PyObject_HEAD
    long long sequence, timestamp; /* modulo 2^16 and 2^32 */
    char fresh;
} Shift;

static PyMemberDef shift_members[] = {
    {"sequence", T_LONGLONG, offsetof(Shift, sequence)},  {"timestamp", T_LONGLONG, offsetof(Shift, timestamp)},
    {"fresh", T_BOOL, offsetof(Shift, fresh)},
    {NULL},
};

#define SHARED(type, members_)                                                                                         \
    static PyTypeObject type##Type = {                                                                                 \
        PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media._relay." #type, .tp_basicsize = sizeof(type),                  \
        .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, .tp_members = members_, .tp_new = PyType_GenericNew}
SHARED(Inward, inward_members);
SHARED(Outward, outward_members);
SHARED(Shift, shift_members);

/* ------------------------------------------------------------------------------------------------------ the loop */

typedef struct { /* srtp_protect or srtp_unprotect of libsrtp, and its session */
    int (*run)(void *context, void *packet, int *size);
    void *context;
} Cipher;

typedef struct { /* a peer's address; size 0: the socket is connected to it */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t size;
} Place;

typedef struct { /* what becomes of plain packets on one socket */
    PyObject *held; /* what `join` was given: it holds all objects below */
    PyObject *odd;
    int payload_type;
    Inward *inward;
    Outward *outward; /* NULL: nobody hears it */
    Shift *shift;
    int to, second;
    Place source, target;
    const unsigned char *table; /* NULL: the payload stays as it is */
    Cipher open, seal;
} Route;

typedef struct {
    PyObject_HEAD
    int epoll, dense, size;
    Route **routes; /* by file descriptor */
    Py_buffer packet;
    long long plain, strangers, unsent, unauthentic, malformed; /* packets */
} Loop;

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* as time.monotonic() */
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void nap(double seconds)
{
    struct timespec left = {.tv_sec = 0, .tv_nsec = (long)(seconds * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &left, NULL);
}

static uint32_t word(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_word(unsigned char *at, uint32_t value)
{
    at[0] = value >> 24, at[1] = value >> 16, at[2] = value >> 8, at[3] = value;
}

static int same(const Place *one, const Place *other)
{
    if (one->at.any.sa_family != other->at.any.sa_family || one->at.v4.sin_port != other->at.v4.sin_port)
        return 0;
    return one->at.any.sa_family == AF_INET
               ? one->at.v4.sin_addr.s_addr == other->at.v4.sin_addr.s_addr
               : !memcmp(&one->at.v6.sin6_addr, &other->at.v6.sin6_addr, sizeof one->at.v6.sin6_addr);
}

static int plain(const Route *route, const unsigned char *packet, Py_ssize_t size, unsigned *step, unsigned *number)
{
    const Inward *in = route->inward;
    if (size <= HEADER || size > LONGEST || packet[0] != 0x80 || (packet[1] & 0x7f) != route->payload_type ||
        (long long)word(packet + 8) != in->ssrc)
        return 0;
    unsigned sequence = packet[2] << 8 | packet[3];
    *step = (sequence - (unsigned)in->highest) & 0xffff;
    if (*step >= JUMP)
        return 0;
    if (!route->outward)
        return 1;
    *number = (sequence + (unsigned)route->shift->sequence) & 0xffff;
    unsigned ahead = (*number - route->outward->sequence) & 0xffff;
    return !route->shift->fresh && ahead != 0 && ahead < JUMP;
}

static void count_in(Inward *in, unsigned step, uint32_t timestamp, double now)
{
    double transit = now * CLOCK_HZ - timestamp, change = fabs(transit - in->transit);
    in->packets++;
    in->highest += step;
    in->heard_at = now;
    in->transit = transit;
    if (change < CLOCK_HZ)
        in->jitter += (change - in->jitter) * 0.0625;
}

static void rewrite(const Route *route, unsigned char *packet, Py_ssize_t size, unsigned number, uint32_t timestamp,
                    double now)
{
    Outward *out = route->outward;
    out->packets++;
    out->octets += size;
    out->sent_at = now;
    out->sequence = number;
    out->timestamp = timestamp + (uint32_t)route->shift->timestamp;
    packet[1] = (packet[1] & 0x80) | route->second;
    packet[2] = number >> 8, packet[3] = number;
    put_word(packet + 4, out->timestamp);
    put_word(packet + 8, out->ssrc);
    for (Py_ssize_t n = HEADER; route->table && n < size; n++)
        packet[n] = route->table[packet[n]];
}

/* One packet of a joined socket. 0: done; 1: Python had it; -1: and raised. */
static int relay(Loop *self, int from, const Route *route, double now)
{
    unsigned char *packet = self->packet.buf;
    unsigned step, number = 0;
    Place source = {.size = sizeof source.at};
    Py_ssize_t size = recvfrom(from, packet, ROOM, 0, route->source.size ? &source.at.any : NULL, &source.size);
    if (size < 0) { /* what we sent was refused: nobody listens there */
        self->unsent++;
        return 0;
    }
    if (route->source.size && !same(&source, &route->source)) {
        self->strangers++;
        return 0;
    }
    if (!plain(route, packet, size, &step, &number)) {
        PyObject *odd = Py_NewRef(route->odd), *done = PyObject_CallFunction(odd, "nd", size, now);
        Py_DECREF(odd);
        Py_XDECREF(done);
        return done ? 1 : -1;
    }
    int length = (int)size;
    if (route->open.run && route->open.run(route->open.context, packet, &length)) {
        self->unauthentic++;
        return 0;
    }
    if (length <= HEADER) {
        self->malformed++;
        return 0;
    }
    uint32_t timestamp = word(packet + 4);
    self->plain++;
    count_in(route->inward, step, timestamp, now);
    if (!route->outward)
        return 0;
    rewrite(route, packet, length, number, timestamp, now);
    if ((route->seal.run && route->seal.run(route->seal.context, packet, &length)) ||
        sendto(route->to, packet, length, 0, route->target.size ? &route->target.at.any : NULL, route->target.size) < 0)
        self->unsent++;
    return 0;
}

static PyObject *loop_poll(Loop *self, PyObject *when)
{
    double wake_at = PyFloat_AsDouble(when), now = clock_s();
    if (PyErr_Occurred())
        return NULL;
    PyObject *found = PyList_New(0);
    int busy = 0; /* Python has something to do, or had: it may want to be woken at another time */
    while (found && !busy) {
        struct epoll_event events[ROUND];
        int count;
        Py_BEGIN_ALLOW_THREADS
        if (self->dense && now < wake_at)
            nap(fmin(NAP_S, wake_at - now));
        double asked = clock_s();
        count = epoll_wait(self->epoll, events, ROUND, asked < wake_at ? (int)ceil((wake_at - asked) * 1e3) : 0);
        now = clock_s();
        self->dense = count < ROUND && now - asked < NAP_S; /* one waking serves several packets */
        Py_END_ALLOW_THREADS
        if (count < 0 && (errno != EINTR || PyErr_CheckSignals())) {
            Py_DECREF(found);
            return PyErr_Occurred() ? NULL : PyErr_SetFromErrno(PyExc_OSError);
        }
        busy = now >= wake_at;
        for (int n = 0; found && n < count; n++) {
            int fd = events[n].data.fd, result = 0;
            Route *route = fd < self->size ? self->routes[fd] : NULL;
            if (route) {
                result = relay(self, fd, route, now);
            } else {
                PyObject *event = Py_BuildValue("(iI)", fd, events[n].events);
                result = !event || PyList_Append(found, event) ? -1 : 1;
                Py_XDECREF(event);
            }
            busy |= result;
            if (result < 0)
                Py_CLEAR(found);
        }
    }
    return found;
}

static void part(Loop *self, int fd)
{
    if (fd < 0 || fd >= self->size || !self->routes[fd])
        return;
    Route *route = self->routes[fd];
    self->routes[fd] = NULL;
    Py_DECREF(route->held);
    PyMem_Free(route);
}

static PyObject *loop_leave(Loop *self, PyObject *fd)
{
    part(self, (int)PyLong_AsLong(fd));
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static int cipher(PyObject *address, void *into)
{
    unsigned long long function, session;
    if (!PyArg_ParseTuple(address, "KK", &function, &session))
        return 0;
    *(Cipher *)into = (Cipher){(int (*)(void *, void *, int *))(uintptr_t)function, (void *)(uintptr_t)session};
    return 1;
}

static int place(PyObject *address, void *into)
{
    Place *found = into;
    const char *host;
    unsigned short port;
    *found = (Place){0};
    if (address == Py_None)
        return 1;
    if (!PyArg_ParseTuple(address, "sH", &host, &port))
        return 0;
    if (inet_pton(AF_INET, host, &found->at.v4.sin_addr) == 1) {
        found->at.v4.sin_family = AF_INET, found->size = sizeof found->at.v4;
    } else if (inet_pton(AF_INET6, host, &found->at.v6.sin6_addr) == 1) {
        found->at.v6.sin6_family = AF_INET6, found->size = sizeof found->at.v6;
    } else {
        PyErr_Format(PyExc_ValueError, "no IP address: %s", host);
        return 0;
    }
    found->at.v4.sin_port = htons(port);
    return 1;
}

static PyObject *loop_join(Loop *self, PyObject *args)
{
    int fd;
    Py_ssize_t table_size;
    Route route = {.held = args};
    PyObject *outward, *shift;
    if (!PyArg_ParseTuple(args, "iO&O!OO&iOOiO&O&iz#", &fd, place, &route.source, &InwardType, &route.inward,
                          &route.odd, cipher, &route.open, &route.payload_type, &outward, &shift, &route.to, place,
                          &route.target, cipher, &route.seal, &route.second, &route.table, &table_size))
        return NULL;
    if (outward != Py_None) {
        if (!PyObject_TypeCheck(outward, &OutwardType) || !PyObject_TypeCheck(shift, &ShiftType))
            return PyErr_Format(PyExc_TypeError, "an Outward and a Shift, or None");
        route.outward = (Outward *)outward, route.shift = (Shift *)shift;
    }
    if (fd < 0 || (route.table && table_size != 256))
        return PyErr_Format(PyExc_ValueError, "a socket that is closed, or a table that is none");
    if (fd >= self->size) {
        int size = 2 * fd + 64;
        Route **grown = PyMem_Realloc(self->routes, sizeof *grown * size);
        if (!grown)
            return PyErr_NoMemory();
        memset(grown + self->size, 0, sizeof *grown * (size - self->size));
        self->routes = grown, self->size = size;
    }
    Route *kept = PyMem_Malloc(sizeof route);
    if (!kept)
        return PyErr_NoMemory();
    part(self, fd);
    *kept = route;
    Py_INCREF(kept->held);
    self->routes[fd] = kept;
    Py_RETURN_NONE;
}

static int loop_init(Loop *self, PyObject *args, PyObject *words)
{
    static char *names[] = {"epoll", "packet", NULL};
    PyObject *epoll;
    if (self->packet.obj)
        PyBuffer_Release(&self->packet);
    if (!PyArg_ParseTupleAndKeywords(args, words, "Ow*", names, &epoll, &self->packet) ||
        (self->epoll = PyObject_AsFileDescriptor(epoll)) < 0)
        return -1;
    if (self->packet.len < ROOM)
        return PyErr_Format(PyExc_ValueError, "a packet may have %d bytes", ROOM), -1;
    return 0;
}

static void loop_dealloc(Loop *self)
{
    for (int fd = 0; fd < self->size; fd++)
        part(self, fd);
    PyMem_Free(self->routes);
    PyBuffer_Release(&self->packet);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef loop_methods[] = {
    {"join", (PyCFunction)loop_join, METH_VARARGS},
    {"leave", (PyCFunction)loop_leave, METH_O},
    {"poll", (PyCFunction)loop_poll, METH_O},
    {NULL},
};

static PyMemberDef loop_members[] = {
    {"plain", T_LONGLONG, offsetof(Loop, plain)},
    {"strangers", T_LONGLONG, offsetof(Loop, strangers)},
    {"unsent", T_LONGLONG, offsetof(Loop, unsent)},
    {"unauthentic", T_LONGLONG, offsetof(Loop, unauthentic)},
    {"malformed", T_LONGLONG, offsetof(Loop, malformed)},
    {NULL},
};

static PyTypeObject LoopType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "media._relay.Loop", .tp_basicsize = sizeof(Loop),
    .tp_flags = Py_TPFLAGS_DEFAULT, .tp_methods = loop_methods, .tp_members = loop_members,
    .tp_new = PyType_GenericNew, .tp_init = (initproc)loop_init, .tp_dealloc = (destructor)loop_dealloc};

static PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "media._relay", .m_size = -1};

PyMODINIT_FUNC PyInit__relay(void)
{
    PyObject *made = PyModule_Create(&module);
    if (!made || PyModule_AddType(made, &InwardType) || PyModule_AddType(made, &OutwardType) ||
        PyModule_AddType(made, &ShiftType) || PyModule_AddType(made, &LoopType))
        Py_CLEAR(made);
    return made;
}
