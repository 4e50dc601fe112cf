/* vulkan SHADER.spv FOLDER: runs the compute shader on the files of case.c that are there, on the first device, and
   compares; 77 if there is none. */
#include <vulkan/vulkan.h>
#include "compare.h"

static VkDevice device;
static VkPhysicalDeviceMemoryProperties memories;

static void must(VkResult result, const char *what) {
    if (result != VK_SUCCESS) fail(what);
}

static void *make_buffer(size_t size, VkBuffer *buffer) {
    VkBufferCreateInfo info = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
    VkMemoryAllocateInfo take = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
    const VkFlags wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    VkMemoryRequirements needs;
    VkDeviceMemory memory;
    void *at;
    info.size = size;
    info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT;
    must(vkCreateBuffer(device, &info, NULL, buffer), "a buffer");
    vkGetBufferMemoryRequirements(device, *buffer, &needs);
    take.allocationSize = needs.size;
    while (take.memoryTypeIndex < memories.memoryTypeCount &&
           (!(needs.memoryTypeBits >> take.memoryTypeIndex & 1) ||
            (memories.memoryTypes[take.memoryTypeIndex].propertyFlags & wanted) != wanted))
        take.memoryTypeIndex++;
    must(vkAllocateMemory(device, &take, NULL, &memory), "memory");
    must(vkBindBufferMemory(device, *buffer, memory, 0), "memory");
    must(vkMapMemory(device, memory, 0, VK_WHOLE_SIZE, 0, &at), "memory");
    return at;
}

int main(int argc, char **argv) {
    VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO};
    VkInstanceCreateInfo instance_info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
    VkDeviceQueueCreateInfo queue_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    VkDeviceCreateInfo device_info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
    VkShaderModuleCreateInfo module_info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
    VkDescriptorSetLayoutBinding bindings[4];
    VkDescriptorSetLayoutCreateInfo set_info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
    VkPipelineLayoutCreateInfo layout_info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    VkComputePipelineCreateInfo pipeline_info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
    VkDescriptorPoolSize pool_size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 4};
    VkDescriptorPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
    VkDescriptorSetAllocateInfo take_set = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
    VkCommandPoolCreateInfo commands_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
    VkCommandBufferAllocateInfo take_commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
    VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
    const float priority = 1;
    uint32_t count = 1, family = 0, families = 8;
    VkQueueFamilyProperties family_of[8];
    VkPhysicalDeviceProperties properties;
    VkInstance instance;
    VkPhysicalDevice physical;
    VkShaderModule module;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool pool;
    VkDescriptorSet set;
    VkCommandPool commands_pool;
    VkCommandBuffer commands;
    VkQueue queue;
    VkBuffer buffers[4];
    void *bytes[4];
    size_t size[2];
    uint32_t rectangle[2][4] = {{0, 0, 0, 0}, {5, 3, 0, 0}};
    void *spv;
    int i, turn;
    if (argc != 3) fail("SHADER.spv FOLDER");
    read_size(argv[2]);
    app.apiVersion = VK_API_VERSION_1_0;
    instance_info.pApplicationInfo = &app;
    if (vkCreateInstance(&instance_info, NULL, &instance) != VK_SUCCESS) lacking("Vulkan");
    vkEnumeratePhysicalDevices(instance, &count, &physical);
    if (!count) lacking("Vulkan device");
    vkGetPhysicalDeviceProperties(physical, &properties);
    vkGetPhysicalDeviceMemoryProperties(physical, &memories);
    vkGetPhysicalDeviceQueueFamilyProperties(physical, &families, family_of);
    while (family < families && !(family_of[family].queueFlags & VK_QUEUE_COMPUTE_BIT)) family++;
    if (family == families) lacking("Vulkan device that computes");
    queue_info.queueFamilyIndex = family;
    queue_info.queueCount = 1;
    queue_info.pQueuePriorities = &priority;
    device_info.queueCreateInfoCount = 1;
    device_info.pQueueCreateInfos = &queue_info;
    must(vkCreateDevice(physical, &device_info, NULL, &device), "the device");
    vkGetDeviceQueue(device, family, 0, &queue);

    for (i = 0; i < 2; i++) {
        void *file = read_file(argv[2], i ? "base" : "pack", &size[i]);
        bytes[i] = make_buffer(size[i], &buffers[i]);
        memcpy(bytes[i], file, size[i]);
        free(file);
    }
    bytes[2] = make_buffer((size_t)width * height * 16, &buffers[2]);
    bytes[3] = make_buffer(16, &buffers[3]);

    memset(bindings, 0, sizeof bindings);
    for (i = 0; i < 4; i++) {
        bindings[i].binding = (uint32_t)i;
        bindings[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
        bindings[i].descriptorCount = 1;
        bindings[i].stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
    }
    set_info.bindingCount = 4;
    set_info.pBindings = bindings;
    must(vkCreateDescriptorSetLayout(device, &set_info, NULL, &set_layout), "a layout");
    layout_info.setLayoutCount = 1;
    layout_info.pSetLayouts = &set_layout;
    must(vkCreatePipelineLayout(device, &layout_info, NULL, &layout), "a layout");
    spv = read_file(NULL, argv[1], &module_info.codeSize);
    module_info.pCode = spv;
    must(vkCreateShaderModule(device, &module_info, NULL, &module), "the shader");
    pipeline_info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
    pipeline_info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
    pipeline_info.stage.module = module;
    pipeline_info.stage.pName = "main";
    pipeline_info.layout = layout;
    must(vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &pipeline_info, NULL, &pipeline), "the pipeline");
    pool_info.maxSets = 1;
    pool_info.poolSizeCount = 1;
    pool_info.pPoolSizes = &pool_size;
    must(vkCreateDescriptorPool(device, &pool_info, NULL, &pool), "a pool");
    take_set.descriptorPool = pool;
    take_set.descriptorSetCount = 1;
    take_set.pSetLayouts = &set_layout;
    must(vkAllocateDescriptorSets(device, &take_set, &set), "a set");
    for (i = 0; i < 4; i++) {
        VkDescriptorBufferInfo buffer = {buffers[i], 0, VK_WHOLE_SIZE};
        VkWriteDescriptorSet write = {.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
        write.dstSet = set;
        write.dstBinding = (uint32_t)i;
        write.descriptorCount = 1;
        write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
        write.pBufferInfo = &buffer;
        vkUpdateDescriptorSets(device, 1, &write, 0, NULL);
    }
    commands_info.queueFamilyIndex = family;
    must(vkCreateCommandPool(device, &commands_info, NULL, &commands_pool), "a pool");
    take_commands.commandPool = commands_pool;
    take_commands.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
    take_commands.commandBufferCount = 1;
    submit.commandBufferCount = 1;
    submit.pCommandBuffers = &commands;
    rectangle[0][2] = width, rectangle[0][3] = height;
    rectangle[1][2] = width - 9, rectangle[1][3] = height - 10;
    for (turn = 0; turn < 2; turn++) { /* the whole picture, a part */
        const uint32_t *const r = rectangle[turn];
        VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
        double ms;
        memcpy(bytes[3], r, 16);
        memset(bytes[2], 255, (size_t)width * height * 16);
        must(vkAllocateCommandBuffers(device, &take_commands, &commands), "commands");
        must(vkBeginCommandBuffer(commands, &begin), "commands");
        vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
        vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
        vkCmdDispatch(commands, (r[2] + 7) / 8, (r[3] + 7) / 8, 1);
        must(vkEndCommandBuffer(commands), "commands");
        ms = now_ms();
        must(vkQueueSubmit(queue, 1, &submit, VK_NULL_HANDLE), "the queue");
        must(vkQueueWaitIdle(queue), "the queue");
        ms = now_ms() - ms;
        if (turn) /* the first one waits for a compiler */
            printf("# %s: %.2f megapixels a second; the library, one thread: %.2f\n", properties.deviceName,
                   r[2] * r[3] / ms / 1e3, width * height / library_ms / 1e3);
        compare(argv[2], bytes[2], r[0], r[1], r[2], r[3]);
    }
    return 0;
}
